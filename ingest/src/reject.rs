//! Why a source was not used: the codes in the catalog's `reason` column.
//!
//! The codes are stable: queries and dashboards may depend on them. `detail` beside them is for people and may change.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A reason code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
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
    /// The decoder process broke down (a bug in FFmpeg or in us); the file is to be reported.
    DecoderCrashed,
    /// The decoder process was silent for `ingest.decoder.silence_s`, or took longer than `ingest.decoder.total_s`.
    Timeout,
    /// The file was written to while it was being read; the next run looks at it again.
    Changed,
    /// It has no ending that says it is a video, and it is none. Not counted as a reject.
    NotAVideo,
    /// Its `.info.json` names it as something else than wanted (`[ingest.metadata]`).
    Metadata,
    /// It was decoded, but `ingest.keep` holds for none of its clips.
    Filtered,
    /// `ingest.keep` would keep the clip now, but its source is gone and cannot be decoded again.
    Gone,
    /// By its looks a copy of another clip, or source, which is kept.
    NearDuplicate,
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
            Self::DecoderCrashed => "decoder_crashed",
            Self::Timeout => "timeout",
            Self::Changed => "changed",
            Self::NotAVideo => "not_a_video",
            Self::Metadata => "metadata",
            Self::Filtered => "filtered",
            Self::Gone => "gone",
            Self::NearDuplicate => "near_duplicate",
            Self::Duplicate => "duplicate",
        }
    }

    /// Whether nothing is wrong with the file, it is only not wanted: that does not make the exit code 2.
    pub fn is_harmless(code: &str) -> bool {
        const HARMLESS: [Reason; 5] = [
            Reason::Duplicate,
            Reason::NotAVideo,
            Reason::Metadata,
            Reason::Filtered,
            Reason::NearDuplicate,
        ];
        HARMLESS.iter().any(|reason| reason.code() == code)
    }

    /// Whether what was decoded before is not to be used either: another run might decode something else.
    pub fn taints(self) -> bool {
        matches!(self, Self::DecoderCrashed | Self::Timeout | Self::Changed)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch a code that is another one in the catalog than on the command line or on the wire.
    #[test]
    fn a_code_is_the_same_everywhere() {
        for reason in Reason::value_variants() {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
            assert_eq!(reason.to_possible_value().unwrap().get_name(), reason.code());
        }
    }
}
