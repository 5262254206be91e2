//! Reject reasons: the codes in the catalog's column `reason`.
//!
//! The codes are stable, because queries and dashboards may depend on them. The text in the column
//! `detail` is for people and may change.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Why ingest does not use a source or a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing is at the given path, or a symbolic link points to nothing.
    Missing,
    /// It is not a regular file, but for example a pipe or a device.
    NotAFile,
    /// The file has 0 bytes.
    EmptyFile,
    /// The file cannot be read, or FFmpeg does not recognize it as a media file.
    ///
    /// The file may be damaged, truncated, or no media file.
    Unreadable,
    /// A media file without a video stream, or with a cover picture only.
    NoVideoStream,
    /// The linked FFmpeg has no decoder for the video stream.
    UnsupportedCodec,
    /// The colours of the video stream cannot be converted to RGB, for example Dolby Vision's own.
    UnsupportedColor,
    /// A frame has more pixels than `ingest.decoder.max_megapixels`.
    FrameTooLarge,
    /// There is a video stream, but FFmpeg cannot decode any frame of it.
    NoFrames,
    /// The source or clip has fewer than `ingest.min_frames` frames at `ingest.fps`.
    TooShort,
    /// The picture stands still for at least `ingest.cut.still` seconds, so it was cut out.
    Still,
    /// The picture fades to black or from black, or is black beside a fade, so it was cut out.
    Fade,
    /// The frames are damaged or depend on lost data, so they were cut out.
    Damaged,
    /// The decoder process crashed: a bug in FFmpeg or in ingest. Please report the file.
    DecoderCrashed,
    /// The decoder process exceeded a time limit.
    ///
    /// It sent no message for `ingest.decoder.silence_s`, or took longer than
    /// `ingest.decoder.total_s`.
    Timeout,
    /// The file changed while ingest read it. The next run tries it again.
    Changed,
    /// The file is not a video, and its name does not say that it is one.
    ///
    /// It does not count as a reject.
    NotAVideo,
    /// Its `.info.json` does not pass the rules in `[ingest.metadata]`.
    Metadata,
    /// It was decoded, but none of its clips passes `ingest.keep`.
    Filtered,
    /// The clip passes `ingest.keep` now, but no shard contains it.
    ///
    /// An earlier run rejected the clip. Its source is gone, so ingest cannot decode it again.
    Gone,
    /// Its clips were dropped, or an array job has only hashed it. The next run decodes it.
    Pending,
    /// It looks the same as another clip, or source, that is kept.
    NearDuplicate,
    /// The file has the same bytes as another source that is used. It does not count as a reject.
    Duplicate,
}

impl Reason {
    /// The stable code of the reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotAFile => "not_a_file",
            Self::EmptyFile => "empty_file",
            Self::Unreadable => "unreadable",
            Self::NoVideoStream => "no_video_stream",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::UnsupportedColor => "unsupported_color",
            Self::FrameTooLarge => "frame_too_large",
            Self::NoFrames => "no_frames",
            Self::TooShort => "too_short",
            Self::Still => "still",
            Self::Fade => "fade",
            Self::Damaged => "damaged",
            Self::DecoderCrashed => "decoder_crashed",
            Self::Timeout => "timeout",
            Self::Changed => "changed",
            Self::NotAVideo => "not_a_video",
            Self::Metadata => "metadata",
            Self::Filtered => "filtered",
            Self::Gone => "gone",
            Self::Pending => "pending",
            Self::NearDuplicate => "near_duplicate",
            Self::Duplicate => "duplicate",
        }
    }

    /// Whether the file is sound, but not wanted. Such a reason does not make the exit code 2.
    pub fn is_harmless(code: &str) -> bool {
        const HARMLESS: [Reason; 6] = [
            Reason::Duplicate,
            Reason::Pending,
            Reason::NotAVideo,
            Reason::Metadata,
            Reason::Filtered,
            Reason::NearDuplicate,
        ];
        HARMLESS.iter().any(|reason| reason.code() == code)
    }

    /// Whether the cutter gave the reason to a clip, so that no rule of the config changes it.
    pub fn is_of_cutter(code: &str) -> bool {
        [Self::TooShort, Self::Still, Self::Fade, Self::Damaged]
            .iter()
            .any(|reason| reason.code() == code)
    }

    /// Whether a clip with this reason passes `ingest.keep`.
    pub fn passes_rules(code: &str) -> bool {
        [Self::NearDuplicate, Self::Gone].iter().any(|reason| reason.code() == code)
    }

    /// Whether ingest must also discard the clips that it decoded before the problem.
    ///
    /// Another run may decode something else from such a source.
    pub fn taints(self) -> bool {
        Self::TAINTS.contains(&self)
    }

    /// [`Self::taints`] of the reason with this code.
    pub fn code_taints(code: &str) -> bool {
        Self::TAINTS.iter().any(|reason| reason.code() == code)
    }

    /// Whether the reason with this code says that the file is no video at this moment.
    ///
    /// It may be a copy or a download in progress.
    pub fn code_is_no_video(code: &str) -> bool {
        [Self::Unreadable, Self::EmptyFile, Self::NoVideoStream, Self::NoFrames]
            .iter()
            .any(|reason| reason.code() == code)
    }

    const TAINTS: [Self; 3] = [Self::DecoderCrashed, Self::Timeout, Self::Changed];
}

/// A reason with its details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    pub reason: Reason,
    /// The details, as a text for people.
    pub detail: String,
}

impl Reject {
    /// A reject with the details as text.
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

    /// Catches: a code differs between catalog, command line and worker protocol.
    #[test]
    fn a_code_is_the_same_everywhere() {
        for reason in Reason::value_variants() {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
            assert_eq!(reason.to_possible_value().unwrap().get_name(), reason.code());
        }
    }

    /// Catches: README.md does not explain a new code.
    #[test]
    fn the_page_explains_every_code() {
        let page = include_str!("../README.md");
        for reason in Reason::value_variants() {
            let code = format!("`{}`", reason.code());
            assert!(page.contains(&code), "README.md has no {code}");
        }
    }
}
