//! Asking a decoder whether a large file is a video, before its content is hashed.

use std::path::Path;

use anyhow::{Result, anyhow};
use genie_stage::stop::Stop;

use crate::config::{DecoderLimits, FrameFormat};
use crate::decode::{Failure, Sampled, Track};
use crate::reject::{Reason, Reject};
use crate::worker::Worker;

/// Size in bytes from which hashing a file takes longer than opening it in a decoder process.
const LARGE: u64 = 256 << 20;
/// Rejects that FFmpeg gives without reading the whole file.
const QUICK: [Reason; 2] = [Reason::Unreadable, Reason::NoVideoStream];

/// Probes large files.
pub struct VideoProbe<'a> {
    pub format: FrameFormat,
    pub limits: &'a DecoderLimits,
    pub stop: &'a Stop,
}

impl VideoProbe<'_> {
    /// Returns why a file of `bytes` bytes is no video.
    ///
    /// Returns `None` for a small file, and for a video. An error means that the run must stop.
    pub fn reject(&self, path: &Path, bytes: u64) -> Result<Option<Reject>> {
        if bytes < LARGE {
            return Ok(None);
        }
        let mut is_video = false;
        let mut first_frame = |_: &Track, _: &Sampled<'_>| {
            is_video = true;
            Err(anyhow!("one frame is enough"))
        };
        let decoded =
            Worker::default().decode(path, self.format, self.limits, self.stop, &mut first_frame);
        match decoded {
            Err(Failure::Reject(reject)) if QUICK.contains(&reject.reason) => Ok(Some(reject)),
            Err(Failure::Fatal(error)) if !is_video => Err(error),
            _ => Ok(None),
        }
    }
}
