//! The types that decoding and its caller exchange: options, tracks, sampled frames, results.

use genie_stage::stop::Stopped;
use serde::{Deserialize, Serialize};

use super::picture::{Colour, Rectangle};
use crate::config::FrameFormat;
use crate::reject::{Reason, Reject};

/// How a video is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecodeOptions {
    pub format: FrameFormat,
    /// Largest number of FFmpeg's threads.
    pub threads: usize,
    /// Largest number of pixels of a frame.
    pub max_pixels: u64,
}

/// Properties of a video stream, known once its first frame is decoded.
///
/// Orientation and crop may change in mid-stream. Then the track of the following frames differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    pub stream: u32,
    pub time_base: (i32, i32),
    pub codec: String,
    /// Native width in pixels.
    pub width: u32,
    /// Native height in pixels.
    pub height: u32,
    /// Native frame rate in frames per second; 0 if unknown.
    pub fps: f64,
    pub colour: Colour,
    /// Degrees by which the picture was turned clockwise, after mirroring if `mirrored` is true.
    pub rotation: i32,
    pub mirrored: bool,
    /// Width and height of a sample, as a ratio.
    pub sample_aspect: (i32, i32),
    /// The region of the coded picture inside its borders, before rotation.
    pub crop: Option<Rectangle>,
    /// Share of the picture's area that was border, 0 to 1. It is 0 without a border search.
    pub letterbox: f64,
}

impl Track {
    /// Returns the seconds from one presentation time to another.
    pub fn seconds(&self, from: i64, to: i64) -> f64 {
        let (unit, per) = self.time_base;
        to.saturating_sub(from) as f64 * f64::from(unit.max(1)) / f64::from(per.max(1))
    }
}

/// What may lie between a sampled frame and the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Break {
    /// The recording goes on.
    #[default]
    None,
    /// A pause without frames: nothing happened, or something is missing.
    Gap,
    /// Something is missing, or the recording begins again.
    Cut,
}

/// A frame that a tick of the clock shows.
pub struct Sampled<'a> {
    pub rgb: &'a [u8],
    pub pts: i64,
    /// Index among the decoded frames, in presentation order.
    pub native: usize,
    /// The frame is damaged, or depends on lost data.
    pub corrupt: bool,
    pub before: Break,
}

/// An event during decoding.
pub enum Event<'a> {
    /// A sampled frame.
    Frame(&'a Track, Sampled<'a>),
    /// A packet was read. It shows that decoding is running while there are no frames.
    Packet,
}

/// The callback that receives events. If it returns an error, the whole run ends.
pub type EventSink<'a> = dyn FnMut(Event<'_>) -> anyhow::Result<()> + 'a;

/// Result of decoding a whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The track of the first frame. It has a crop only if all frames have it.
    pub track: Track,
    /// Number of decoded frames.
    pub native_frames: usize,
    /// Number of sampled frames.
    pub sampled: u64,
    /// Seconds from the start of the first frame to the end of the last one.
    pub seconds: f64,
    /// Damage in the file, in words, if there was any.
    pub damage: Option<String>,
    /// Changes to the picture that the user may want to know, in words.
    pub notes: Vec<String>,
}

/// Why decoding failed.
#[derive(Debug)]
pub enum Failure {
    /// The file cannot be used.
    Reject(Reject),
    /// Any other error. It ends the run.
    Fatal(anyhow::Error),
}

impl Failure {
    pub(super) fn reject(reason: Reason, detail: impl std::fmt::Display) -> Self {
        Self::Reject(Reject::new(reason, detail))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Self::Fatal(stopped.into())
    }
}
