//! Frames as bytes, and as the floats that the networks compute with.
//!
//! Frames are bytes `[batch, time, height, width, channels]` outside and floats from 0 to 1 inside.
//! If the patch does not divide a side, the frame is padded: the last row or column is repeated
//! (160×90 becomes 160×92 with patch 4). The padding is cropped when frames become bytes again.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::ModelError;
use crate::host;
use crate::layers::{Grid, patchify, unpatchify};

/// The frames and patches that a model was built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameSize {
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Side of a square patch in pixels.
    pub patch: usize,
    /// Values per pixel: 3, or the width of a code if the frames are drawn from tokens.
    #[serde(default = "rgb")]
    pub channels: usize,
}

/// The number of channels of an RGB frame.
pub const RGB: usize = 3;

fn rgb() -> usize {
    RGB
}

impl FrameSize {
    /// Rows and columns of patches.
    pub fn patches(self) -> (usize, usize) {
        (self.height.div_ceil(self.patch), self.width.div_ceil(self.patch))
    }

    /// Patches per frame.
    pub fn positions(self) -> usize {
        let (rows, columns) = self.patches();
        rows * columns
    }

    /// Values per patch.
    pub fn patch_values(self) -> usize {
        self.patch * self.patch * self.channels
    }

    /// Bytes per frame.
    pub fn bytes(self) -> usize {
        self.height * self.width * self.channels
    }

    /// Height and width with padding.
    pub fn padded(self) -> (usize, usize) {
        let (rows, columns) = self.patches();
        (rows * self.patch, columns * self.patch)
    }

    /// The grid of the patches of `b` windows of `t` frames.
    pub(crate) fn grid(self, b: usize, t: usize) -> Grid {
        Grid { b, t, s: self.positions() }
    }

    /// Fails if the patch or a side is zero. `section` names the config section in the message.
    pub fn check(self, section: &str) -> Result<(), ModelError> {
        if self.patch == 0 || self.height == 0 || self.width == 0 || self.channels == 0 {
            return Err(ModelError::Config(format!(
                "[{section}] patch and frame size must be at least 1: {self:?}"
            )));
        }
        Ok(())
    }

    /// The number of windows of `t` frames in `bytes`.
    ///
    /// Fails if the bytes are not a whole number of windows of frames of this size.
    pub fn windows(self, bytes: &[u8], t: usize) -> Result<usize, ModelError> {
        let window = t * self.bytes();
        if window == 0 || !bytes.len().is_multiple_of(window) {
            return Err(ModelError::Data(format!(
                "{} bytes are not a whole number of {t}-frame windows of {}×{} pixels: the clips \
                 do not fit the model",
                bytes.len(),
                self.width,
                self.height
            )));
        }
        Ok(bytes.len() / window)
    }

    /// Cuts frames `[b, t, height, width, channels]` into patches `[b*t*space, values]`.
    pub(crate) fn to_patches<B: Backend>(
        self,
        bytes: &[u8],
        b: usize,
        t: usize,
        device: &B::Device,
    ) -> Tensor<B, 2> {
        patchify(self.to_tensor(bytes, b, t, device), self.patch)
    }

    /// The inverse of [`FrameSize::to_patches`]. Values are clamped to 0–1 and rounded to bytes.
    ///
    /// Fails if a value is not a finite number, because its byte would be 0.
    pub(crate) fn patches_to_bytes<B: Backend>(
        self,
        patches: Tensor<B, 2>,
        b: usize,
        t: usize,
    ) -> Result<Vec<u8>, ModelError> {
        let (height, width) = self.padded();
        self.to_bytes(unpatchify(patches, b, t, height, width, self.patch))
    }

    /// Frames as floats `[b, t, padded height, padded width, channels]` from 0 to 1.
    fn to_tensor<B: Backend>(
        self,
        bytes: &[u8],
        b: usize,
        t: usize,
        device: &B::Device,
    ) -> Tensor<B, 5> {
        let ((high, wide), c) = (self.padded(), self.channels);
        let mut values = Vec::with_capacity(b * t * high * wide * c);
        for frame in bytes.chunks_exact(self.bytes()) {
            for y in 0..high {
                let row = &frame[y.min(self.height - 1) * self.width * c..][..self.width * c];
                values.extend(row.iter().map(|byte| f32::from(*byte) / 255.0));
                let last = &row[row.len() - c..];
                for _ in self.width..wide {
                    values.extend(last.iter().map(|byte| f32::from(*byte) / 255.0));
                }
            }
        }
        Tensor::from_data(TensorData::new(values, [b, t, high, wide, c]), device)
    }

    /// The inverse of [`FrameSize::to_tensor`].
    fn to_bytes<B: Backend>(self, frames: Tensor<B, 5>) -> Result<Vec<u8>, ModelError> {
        let ((high, wide), c) = (self.padded(), self.channels);
        let values = host::floats(frames)?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(ModelError::NotFinite("the output of the tokenizer"));
        }
        let mut bytes = Vec::with_capacity(values.len());
        for frame in values.chunks_exact(high * wide * c) {
            for row in frame.chunks_exact(wide * c).take(self.height) {
                bytes.extend(
                    row[..self.width * c]
                        .iter()
                        .map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8),
                );
            }
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;

    use super::*;

    /// Catches: padding shifts pixels or is not cropped.
    #[test]
    fn odd_sizes_come_back_unchanged() {
        for channels in [RGB, 4] {
            let size = FrameSize { height: 5, width: 7, patch: 4, channels };
            let bytes: Vec<u8> = (0..2 * 3 * size.bytes()).map(|i| (i * 7 % 256) as u8).collect();
            let tensor = size.to_tensor::<Flex>(&bytes, 2, 3, &burn::backend::flex::FlexDevice);
            assert_eq!(tensor.dims(), [2, 3, 8, 8, channels]);
            assert_eq!(size.to_bytes(tensor).unwrap(), bytes);
            assert_eq!(size.windows(&bytes, 3).unwrap(), 2);
            assert!(size.windows(&bytes[1..], 3).is_err());
        }
    }

    /// Catches: a diverged tokenizer returns black frames, so that a report measures them.
    #[test]
    fn frames_that_are_not_finite_are_an_error() {
        let size = FrameSize { height: 2, width: 2, patch: 2, channels: RGB };
        for odd in [f32::NAN, f32::INFINITY] {
            let mut values = vec![0.5; size.bytes()];
            values[7] = odd;
            let data = TensorData::new(values, [1, 1, 2, 2, RGB]);
            let frames = Tensor::<Flex, 5>::from_data(data, &burn::backend::flex::FlexDevice);
            assert!(matches!(size.to_bytes(frames), Err(ModelError::NotFinite(_))), "{odd}");
        }
    }
}
