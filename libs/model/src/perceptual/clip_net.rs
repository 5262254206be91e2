//! The trait of networks that compute features of clips: I3D and the clip encoder.

use super::preprocess::{I3dPreset, prepare};
use crate::data::{FrameSize, RGB};
use crate::error::ModelError;

/// A network on some backend.
pub(crate) trait Extractor: Send {
    /// Features of prepared clips `[batch, 3, t, side, side]`, one row per clip.
    fn features(&self, clips: Vec<f32>, b: usize, t: usize) -> Result<Vec<f32>, ModelError>;
}

/// A network and its input.
pub(crate) struct ClipNet {
    pub extractor: Box<dyn Extractor>,
    /// The network's name in messages.
    pub name: &'static str,
    pub preset: I3dPreset,
    /// Side that frames are resized to, in pixels.
    pub side: usize,
    pub fewest_frames: usize,
    /// Clips per batch of the network.
    pub batch: usize,
}

impl ClipNet {
    /// Features of clips `[batch, t, height, width, 3]`, where `size` is (height, width).
    ///
    /// Fails if the bytes are not whole clips, or if the clips are too short.
    pub fn features(
        &self,
        frames: &[u8],
        t: usize,
        size: (usize, usize),
    ) -> Result<Vec<f32>, ModelError> {
        let (height, width) = size;
        if t < self.fewest_frames {
            return Err(ModelError::Data(format!(
                "clips of {t} frames are too short for {}: it needs at least {}",
                self.name, self.fewest_frames
            )));
        }
        FrameSize { height, width, patch: 1, channels: RGB }.windows(frames, t)?;
        let clip = t * height * width * 3;
        let features = frames.chunks(self.batch * clip).map(|chunk| {
            let b = chunk.len() / clip;
            self.extractor.features(
                prepare(self.preset, chunk, [b, t, height, width], self.side),
                b,
                t,
            )
        });
        Ok(features.collect::<Result<Vec<_>, _>>()?.concat())
    }
}
