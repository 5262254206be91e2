//! A sampled frame with its picture, on the way into a clip.

use std::rc::Rc;

use super::clip_row::FrameInfo;
use crate::analysis::Plane;
use crate::decode::Track;

/// A sampled frame that is not in a clip yet.
#[derive(Clone)]
pub struct SampledFrame {
    pub rgb: Rc<[u8]>,
    pub plane: Plane,
    pub info: FrameInfo,
    /// In seconds.
    pub time: f64,
    /// Set if the track changes with this frame.
    pub track: Option<Track>,
    pub begins_shot: bool,
}

impl AsRef<[u8]> for SampledFrame {
    fn as_ref(&self) -> &[u8] {
        &self.rgb
    }
}

impl AsRef<Plane> for SampledFrame {
    fn as_ref(&self) -> &Plane {
        &self.plane
    }
}
