//! What a session remembers of a frame.

use std::sync::Arc;

use genie_model::{GeneratedFrame, SamplerConfig};

use super::picture::StoredPicture;
use crate::world::PlaythroughState;

/// A frame of a session: its picture, and the exact state after it.
pub struct Moment {
    /// The state after the frame.
    pub state: PlaythroughState,
    pub picture: StoredPicture,
    /// Hash of the picture.
    pub hash: String,
    pub tokens: Arc<[u16]>,
    /// Number of frames that the model saw when it generated this one.
    pub seen: usize,
    /// How it was generated; none in the prompt.
    pub generated: Option<Arc<GeneratedFrame>>,
    pub sampler: Arc<SamplerConfig>,
    pub doubt: Option<f32>,
}
