//! What the network sees of a clip: eight pairs of small adjacent frames, and the clip's scores.

use super::areas::{span, sums};
use crate::data::{RGB, SourceError, Video};
use crate::error::ModelError;

/// Number of moments of a clip at which the network sees two adjacent frames.
pub const MOMENTS: usize = 8;
/// Number of frames that the network sees of a clip.
const FRAMES: usize = 2 * MOMENTS;
/// Rows and columns of the frames that the network sees.
pub const SIZE: (usize, usize) = (36, 64);

/// What the network sees of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityInput {
    /// Frames `[moment, 2, height, width, 3]` of [`SIZE`].
    pub(super) frames: Vec<u8>,
    /// The scores of the catalog.
    pub(super) scores: Vec<f32>,
}

impl QualityInput {
    /// Shrinks frames `[t, height, width, 3]` of a clip, and adds its scores.
    ///
    /// # Errors
    /// If there is no frame, or the bytes are not frames of this shape.
    pub fn new(
        frames: &[u8],
        (t, height, width): (usize, usize, usize),
        scores: Vec<f32>,
    ) -> Result<Self, ModelError> {
        let bytes = height * width * RGB;
        if t == 0 || bytes == 0 || frames.len() != t * bytes {
            return Err(ModelError::Data(format!(
                "{} bytes are not {t} frames of {width}×{height} pixels",
                frames.len()
            )));
        }
        let mut small = Vec::with_capacity(FRAMES * SIZE.0 * SIZE.1 * RGB);
        for first in firsts(t) {
            for frame in [first, (first + 1).min(t - 1)] {
                shrink(&frames[frame * bytes..][..bytes], (height, width), &mut small);
            }
        }
        Ok(Self { frames: small, scores })
    }

    /// Small frames as [`Self::frames`] gives them, with the scores of their clip.
    ///
    /// # Errors
    /// If the bytes are not frames of this size.
    pub fn of_frames(frames: Vec<u8>, scores: Vec<f32>) -> Result<Self, ModelError> {
        if frames.len() != FRAMES * SIZE.0 * SIZE.1 * RGB {
            return Err(ModelError::Data(format!(
                "{} bytes are not {FRAMES} frames of {}×{} pixels",
                frames.len(),
                SIZE.1,
                SIZE.0
            )));
        }
        Ok(Self { frames, scores })
    }

    /// The small frames, `[16, 36, 64, 3]`.
    pub fn frames(&self) -> &[u8] {
        &self.frames
    }
}

/// The first frame of each pair, evenly over a clip of `t` frames.
fn firsts(t: usize) -> [usize; MOMENTS] {
    let last = t.saturating_sub(2);
    std::array::from_fn(|moment| moment * last / (MOMENTS - 1))
}

/// Appends a frame of [`SIZE`], whose pixels are means over areas of a frame.
fn shrink(frame: &[u8], (height, width): (usize, usize), to: &mut Vec<u8>) {
    for row in 0..SIZE.0 {
        for column in 0..SIZE.1 {
            let (rows, columns) = (span(row, SIZE.0, height), span(column, SIZE.1, width));
            let (sums, count) = sums(frame, width, rows, columns);
            to.extend(sums.map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
}

/// Labelled clips: the training data of the network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QualityExamples {
    pub clips: Vec<QualityInput>,
    /// Whether each clip is good.
    pub good: Vec<bool>,
}

/// A clip is one window, so that the order of training is that of every model.
impl Video for QualityExamples {
    fn clips(&self) -> usize {
        self.clips.len()
    }

    fn frames(&self, _clip: usize) -> usize {
        FRAMES
    }

    fn size(&self) -> (usize, usize) {
        SIZE
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let frame = SIZE.0 * SIZE.1 * RGB;
        to.extend_from_slice(&self.clips[clip].frames[first * frame..][..len * frame]);
        Ok(())
    }
}

impl QualityExamples {
    /// Number of frames of a clip.
    pub(super) const WINDOW: usize = FRAMES;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a pair is not of adjacent frames, or frames after the end of a clip are read.
    #[test]
    fn pairs_are_spread_over_a_clip_of_any_length() {
        assert_eq!(firsts(160), [0, 22, 45, 67, 90, 112, 135, 158]);
        assert_eq!(firsts(9), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(firsts(2), [0; MOMENTS]);
        for (t, height, width) in [(1, 1, 1), (2, 90, 160), (5, 7, 300)] {
            let frames: Vec<u8> =
                (0..t).flat_map(|frame| vec![frame as u8; height * width * RGB]).collect();
            let input = QualityInput::new(&frames, (t, height, width), vec![]).unwrap();
            assert_eq!(input.frames.len(), FRAMES * SIZE.0 * SIZE.1 * RGB);
            assert_eq!(usize::from(*input.frames.last().unwrap()), t - 1);
            let again = QualityInput::of_frames(input.frames().to_vec(), vec![]).unwrap();
            assert_eq!(again, input);
        }
        assert!(QualityInput::new(&[0; 5], (1, 1, 2), vec![]).is_err());
        assert!(QualityInput::new(&[], (0, 1, 2), vec![]).is_err());
        assert!(QualityInput::of_frames(vec![0; 5], vec![]).is_err());
    }

    /// Catches: rows and columns are exchanged; a pixel is not the mean of its area.
    #[test]
    fn a_small_frame_shows_the_same_picture() {
        // Twice as high and wide: the pixels of an area are 2·column and 2·column + 1, or so.
        let (height, width) = (2 * SIZE.0, 2 * SIZE.1);
        let frame: Vec<u8> = (0..height * width)
            .flat_map(|place| [(place % width) as u8, (place / width) as u8, 7])
            .collect();
        let mut small = Vec::new();
        shrink(&frame, (height, width), &mut small);
        let pixel = |row: usize, column: usize| &small[(row * SIZE.1 + column) * RGB..][..RGB];
        assert_eq!(pixel(0, 0), [1, 1, 7]);
        assert_eq!(pixel(3, 10), [21, 7, 7]);
        assert_eq!(pixel(35, 63), [127, 71, 7]);
    }
}
