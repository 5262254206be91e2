//! What decoding tells its caller: tracks, sampled frames, how it ended.

use genie_stage::stop::Stopped;
use serde::{Deserialize, Serialize};

use super::colour::Colour;
use super::view::Rectangle;
use crate::reject::{Reason, Reject};

/// What is known of a video stream once its first frame is decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    pub stream: u32,
    pub time_base: (i32, i32),
    pub codec: String,
    /// Native size and rate.
    pub width: u32,
    pub height: u32,
    pub fps: f64,
    pub colour: Colour,
    /// Degrees clockwise by which the picture was turned, after it was mirrored left to right, if it was.
    pub rotation: i32,
    pub mirrored: bool,
    /// Width by height of a sample.
    pub sample_aspect: (i32, i32),
    /// What was left of the native picture (as coded, not turned) without its borders.
    pub crop: Option<Rectangle>,
    /// Share of the picture's area that was border, 0 to 1; 0 where nobody looked.
    pub letterbox: f64,
    /// What was done to the picture that somebody might want to know of, in words.
    pub notes: Vec<String>,
}

/// A frame that a tick of the grid shows.
pub struct Sampled<'a> {
    pub rgb: &'a [u8],
    pub pts: i64,
    /// Its number among the decoded frames, in presentation order.
    pub native: usize,
    pub corrupt: bool,
}

/// What decoding tells as it goes.
pub enum Event<'a> {
    /// A sampled frame.
    Frame(&'a Track, Sampled<'a>),
    /// A packet was read: a sign of life where frames are few.
    Packet,
}

/// Who is told. Its errors end the run.
pub type EventSink<'a> = dyn FnMut(Event<'_>) -> anyhow::Result<()> + 'a;

/// How decoding ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub track: Track,
    /// Decoded frames.
    pub native_frames: usize,
    /// Sampled frames.
    pub sampled: u64,
    /// From the first frame's start to the last one's end.
    pub seconds: f64,
    /// What went wrong on the way, if anything.
    pub damage: Option<String>,
}

/// Why decoding did not end.
#[derive(Debug)]
pub enum Failure {
    /// The file's fault.
    Reject(Reject),
    /// Anything else: the run cannot go on.
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
