//! Why a source was not used: the codes in the catalog's `reason` column.
//!
//! The codes are stable: queries and dashboards may depend on them. `detail` beside them is for people and may change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The path was given but nothing is there, or it is a symbolic link to nothing.
    Missing,
    /// Not a regular file: a pipe, a device.
    NotAFile,
    /// No bytes.
    EmptyFile,
    /// The file cannot be read, or FFmpeg does not know it for a media file (damaged, cut off, something else).
    Unreadable,
    /// A media file without pictures, or with a cover picture only.
    NoVideoStream,
    /// FFmpeg here has no decoder for its video.
    UnsupportedCodec,
    /// There is a video stream, but not one frame could be decoded.
    NoFrames,
    /// Fewer than `ingest.min_frames` frames at `ingest.fps`.
    TooShort,
    /// The decoder broke down (a bug in it or in us); the file is to be reported.
    DecoderPanicked,
    /// The same bytes as another source, which is used. Not counted as a reject.
    Duplicate,
}

impl Reason {
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotAFile => "not_a_file",
            Self::EmptyFile => "empty_file",
            Self::Unreadable => "unreadable",
            Self::NoVideoStream => "no_video_stream",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::NoFrames => "no_frames",
            Self::TooShort => "too_short",
            Self::DecoderPanicked => "decoder_panicked",
            Self::Duplicate => "duplicate",
        }
    }
}

/// A rejected source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    pub reason: Reason,
    /// What exactly, for people.
    pub detail: String,
}

impl Reject {
    pub fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        Self { reason, detail: detail.to_string() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason.code(), self.detail)
    }
}
