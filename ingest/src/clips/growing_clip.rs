//! The clip to which frames are added.

use super::clip_row::{ClipPictures, FrameInfo};
use super::sampled_frame::SampledFrame;
use crate::analysis::Plane;
use crate::config::{ClipFormat, SamplingRate, clip_frames};

/// Largest number of bytes that are reserved for a clip before it has any.
const MAX_RESERVED: usize = 64 << 20;

/// The frames of a clip so far.
#[derive(Default)]
pub struct GrowingClip {
    /// Pixels, `[t, h, w, c]`.
    rgb: Vec<u8>,
    planes: Vec<Plane>,
    infos: Vec<FrameInfo>,
}

impl GrowingClip {
    /// Returns the frames without their pictures.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.infos
    }

    /// Adds a frame.
    pub fn push(&mut self, frame: SampledFrame, format: &ClipFormat) {
        let SampledFrame { rgb, plane, info, .. } = frame;
        if let SamplingRate::Fixed(fps) = format.frame.rate
            && self.infos.is_empty()
        {
            let frames = clip_frames(format.clip_seconds, fps);
            self.rgb.reserve((frames * rgb.len()).min(MAX_RESERVED));
        }
        self.rgb.extend_from_slice(&rgb);
        self.planes.push(plane);
        self.infos.push(info);
    }

    /// Takes all frames. `next_native` is the number of the source frame after them.
    pub fn take(&mut self, next_native: usize) -> ClipPictures {
        ClipPictures {
            rgb: std::mem::take(&mut self.rgb),
            planes: std::mem::take(&mut self.planes),
            infos: std::mem::take(&mut self.infos),
            next_native,
        }
    }

    /// Takes all frames without their pictures. The memory of these is used again.
    pub fn drop_pictures(&mut self) -> Vec<FrameInfo> {
        self.rgb.clear();
        self.planes.clear();
        std::mem::take(&mut self.infos)
    }
}
