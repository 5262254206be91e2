//! Networks that make features of clips: what they have in common.

use super::preprocess::{I3dPreset, prepare};
use crate::data::{FrameSize, RGB};
use crate::error::ModelError;

/// A network on some backend.
pub(crate) trait Extractor: Send {
    /// Prepared clips `[b, 3, t, side, side]` to features, one row after the other.
    fn features(&self, clips: Vec<f32>, b: usize, t: usize) -> Result<Vec<f32>, ModelError>;
}

/// A network, and what it takes.
pub(crate) struct ClipNet {
    pub extractor: Box<dyn Extractor>,
    /// For messages.
    pub name: &'static str,
    pub preset: I3dPreset,
    /// What frames are resized to.
    pub side: usize,
    pub fewest_frames: usize,
    /// Clips that go through at once.
    pub batch: usize,
}

impl ClipNet {
    /// Features of clips `[b, t, h, w, 3]`, where `size` is (height, width).
    ///
    /// # Errors
    /// If the bytes are no whole clips, or those are too short.
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
