//! Decoded frames, as every stage handles them: RGB, 8 bits, row-major `[t, h, w, 3]`.
//!
//! The fields are public because the stages fill and read them in bulk; [`Frames::new`] and the codec check that
//! they agree.

use crate::codec::CodecError;

/// Frames of one clip or window.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Frames {
    /// Number of frames.
    pub t: usize,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
    /// `t · height · width · 3` bytes.
    pub data: Vec<u8>,
}

impl Frames {
    /// Frames over `data`.
    ///
    /// # Errors
    /// When `data` does not hold exactly `t · height · width · 3` bytes.
    pub fn new(t: usize, height: usize, width: usize, data: Vec<u8>) -> Result<Self, CodecError> {
        let frames = Self { t, height, width, data };
        frames.check()?;
        Ok(frames)
    }

    /// Bytes of one frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.height * self.width * 3
    }

    /// Frame `i`, `[h, w, 3]`, or `None` past the end.
    #[must_use]
    pub fn frame(&self, i: usize) -> Option<&[u8]> {
        let bytes = self.frame_bytes();
        self.data.get(i.checked_mul(bytes)?..)?.get(..bytes).filter(|_| i < self.t)
    }

    /// Whether the sizes and the data agree.
    pub(crate) fn check(&self) -> Result<(), CodecError> {
        let expected = [self.t, self.height, self.width, 3]
            .iter()
            .try_fold(1_usize, |size, &n| size.checked_mul(n));
        if expected == Some(self.data.len()) {
            return Ok(());
        }
        Err(CodecError::Shape {
            t: self.t,
            height: self.height,
            width: self.width,
            bytes: self.data.len(),
        })
    }
}

/// The shape alone: a clip's pixels would drown every message that it is part of.
impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { t, height, width, data } = self;
        write!(f, "Frames({t}×{height}×{width}×3, {} bytes)", data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Bug: frames whose data is one row short, noticed only where a slice panics, far from where they were made.
    #[test]
    fn data_must_fill_the_shape() {
        assert!(Frames::new(2, 3, 4, vec![0; 72]).is_ok());
        assert!(matches!(Frames::new(2, 3, 4, vec![0; 71]), Err(CodecError::Shape { .. })));
        assert!(Frames::new(usize::MAX, 3, 4, vec![]).is_err());
    }

    #[test]
    fn a_frame_past_the_end_is_none() {
        let frames = Frames::new(2, 1, 1, vec![0, 0, 0, 1, 2, 3]).unwrap();
        assert_eq!(frames.frame(1), Some(&[1, 2, 3][..]));
        assert_eq!(frames.frame(2), None);
    }
}
