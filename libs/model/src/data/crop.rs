//! A rectangle of the frame, which the model sees instead of the whole frame.

use serde::{Deserialize, Serialize};

use super::video::{SourceError, Video};

/// A rectangle of a frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameCrop {
    /// Height and width of the whole frame.
    pub frame: (usize, usize),
    /// First row and column of the rectangle.
    pub corner: (usize, usize),
    /// Height and width of the rectangle.
    pub size: (usize, usize),
}

impl FrameCrop {
    /// The square of `side` pixels in the middle of frames of `height` and `width`.
    ///
    /// A smaller frame limits the square's sides.
    pub fn middle((height, width): (usize, usize), side: usize) -> Self {
        let size = (side.min(height), side.min(width));
        let corner = ((height - size.0) / 2, (width - size.1) / 2);
        Self { frame: (height, width), corner, size }
    }

    /// Appends the rectangle of each of the frames `[frames, height, width, channels]` to `to`.
    pub fn cut(self, frames: &[u8], channels: usize, to: &mut Vec<u8>) {
        let ((height, width), (top, left), (rows, columns)) = (self.frame, self.corner, self.size);
        for frame in frames.chunks_exact(height * width * channels) {
            for y in top..top + rows {
                let first = (y * width + left) * channels;
                to.extend_from_slice(&frame[first..first + columns * channels]);
            }
        }
    }
}

/// Clips of which a model sees only a rectangle.
pub struct CroppedVideo<'a> {
    video: &'a dyn Video,
    crop: FrameCrop,
}

impl<'a> CroppedVideo<'a> {
    /// The rectangle `crop` of the clips of `video`.
    pub fn new(video: &'a dyn Video, crop: FrameCrop) -> Self {
        Self { video, crop }
    }
}

impl Video for CroppedVideo<'_> {
    fn clips(&self) -> usize {
        self.video.clips()
    }

    fn frames(&self, clip: usize) -> usize {
        self.video.frames(clip)
    }

    fn size(&self) -> (usize, usize) {
        self.crop.size
    }

    fn channels(&self) -> usize {
        self.video.channels()
    }

    fn group(&self, clip: usize) -> (usize, u64) {
        self.video.group(clip)
    }

    fn memory(&self) -> u64 {
        self.video.memory()
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let mut whole = Vec::new();
        self.video.read(clip, first, len, &mut whole)?;
        self.crop.cut(&whole, self.channels(), to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Clips;

    /// Catches: rows and columns are exchanged, the rectangle is off by one, or only the first
    /// frame is cut.
    #[test]
    fn each_frame_is_cut_at_the_rectangle() {
        // The bytes of a pixel are its frame, row and column.
        let clip: Vec<u8> = (0..3)
            .flat_map(|t| (0..4).flat_map(move |y| (0..5).flat_map(move |x| [t, y, x])))
            .collect();
        let video = Clips { size: (4, 5), clips: vec![clip] };
        let crop = FrameCrop { frame: (4, 5), corner: (1, 3), size: (3, 2) };
        let video = CroppedVideo::new(&video, crop);
        let mut bytes = vec![];
        video.read(0, 1, 2, &mut bytes).unwrap();
        let expected: Vec<u8> = (1..3)
            .flat_map(|t| (1..4).flat_map(move |y| (3..5).flat_map(move |x| [t, y, x])))
            .collect();
        assert_eq!(bytes, expected);
        assert_eq!((video.size(), video.frames(0)), ((3, 2), 3));
    }

    /// Catches: the square is off the middle, or larger than the frame.
    #[test]
    fn the_middle_is_in_the_frame() {
        let place = |frame, side| {
            let crop = FrameCrop::middle(frame, side);
            (crop.corner, crop.size)
        };
        assert_eq!(place((64, 64), 24), ((20, 20), (24, 24)));
        assert_eq!(place((10, 64), 24), ((0, 20), (10, 24)));
    }
}
