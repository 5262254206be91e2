//! Decoded frames: RGB, 8 bits, row-major `[t, h, w, 3]`.
//!
//! The fields are public because the stages fill and read them in bulk. [`Frames::new`] and the
//! codec check that they agree.

/// The number of bytes does not agree with the shape of the frames.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes cannot be {t} frames of {height}×{width}×3")]
pub struct ShapeError {
    t: usize,
    height: usize,
    width: usize,
    bytes: usize,
}

/// Frames of one clip or window.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Frames {
    /// Number of frames.
    pub t: usize,
    /// Height of a frame in pixels.
    pub height: usize,
    /// Width of a frame in pixels.
    pub width: usize,
    /// `t · height · width · 3` bytes.
    pub data: Vec<u8>,
}

impl Frames {
    /// Creates frames from `data`, `[t, height, width, 3]`.
    ///
    /// # Errors
    /// If `data` does not have exactly `t · height · width · 3` bytes.
    pub fn new(t: usize, height: usize, width: usize, data: Vec<u8>) -> Result<Self, ShapeError> {
        let frames = Self { t, height, width, data };
        frames.check()?;
        Ok(frames)
    }

    /// Number of bytes of one frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.height * self.width * 3
    }

    /// Returns frame `i`, `[h, w, 3]`, or `None` after the last frame.
    #[must_use]
    pub fn frame(&self, i: usize) -> Option<&[u8]> {
        let bytes = self.frame_bytes();
        self.data.get(i.checked_mul(bytes)?..)?.get(..bytes).filter(|_| i < self.t)
    }

    /// Checks that the shape and the number of bytes agree.
    pub(crate) fn check(&self) -> Result<(), ShapeError> {
        let expected = [self.t, self.height, self.width, 3]
            .iter()
            .try_fold(1_usize, |size, &n| size.checked_mul(n));
        if expected == Some(self.data.len()) {
            return Ok(());
        }
        Err(ShapeError {
            t: self.t,
            height: self.height,
            width: self.width,
            bytes: self.data.len(),
        })
    }
}

/// Shows only the shape: the pixels of a clip would fill every message that contains it.
impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { t, height, width, data } = self;
        write!(f, "Frames({t}×{height}×{width}×3, {} bytes)", data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: frames are accepted with one row of data too few, so that a slice panics far from
    /// the mistake.
    #[test]
    fn data_must_fill_the_shape() {
        assert!(Frames::new(2, 3, 4, vec![0; 72]).is_ok());
        assert!(matches!(Frames::new(2, 3, 4, vec![0; 71]), Err(ShapeError { .. })));
        assert!(Frames::new(usize::MAX, 3, 4, vec![]).is_err());
    }

    /// Catches: a read of a frame after the last one causes a panic.
    #[test]
    fn a_frame_past_the_end_is_none() {
        let frames = Frames::new(2, 1, 1, vec![0, 0, 0, 1, 2, 3]).unwrap();
        assert_eq!(frames.frame(1), Some(&[1, 2, 3][..]));
        assert_eq!(frames.frame(2), None);
    }
}
