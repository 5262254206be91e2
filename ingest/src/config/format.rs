//! What decoding and cutting need of the config: rate, size and aspect of frames, length of clips.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Highest rate of a source, in frames per second, whose clips have their full length in seconds.
///
/// It is for the source's own rate (`ingest.fps = 0`). Above it, clips are shorter. So a file with
/// broken time stamps cannot use up the memory.
pub const MAX_OWN_FPS: f64 = 240.0;

/// How a picture is fitted to the configured frame size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Cut off permanent black borders, then stretch the rest.
    #[default]
    Crop,
    /// Keep the aspect ratio at which a player shows the picture, and fill the rest with black.
    Pad,
    /// Stretch the whole picture.
    Stretch,
}

impl Aspect {
    /// The name in the config file and in clip IDs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Pad => "pad",
            Self::Stretch => "stretch",
        }
    }
}

/// Which frames of a source are sampled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum SamplingRate {
    /// Every frame of the source, once.
    Own,
    /// The frames at the ticks of a clock, in ticks per second.
    Fixed(f64),
}

/// Rate, size and aspect of sampled frames: all that the decoder needs of the config.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameFormat {
    pub rate: SamplingRate,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// How a picture with another aspect ratio is fitted.
    pub aspect: Aspect,
}

/// How sampled frames are cut into clips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipFormat {
    pub frame: FrameFormat,
    /// Length of a full clip, in seconds.
    pub clip_seconds: f64,
    /// Number of frames of the shortest clip.
    pub min_frames: u32,
    /// Shortest still stretch that is cut out, in seconds; 0 means none.
    pub still_seconds: f64,
    /// Longest fade that is cut out, in seconds; 0 means none.
    pub fade_seconds: f64,
    /// Whether damaged stretches are cut out.
    pub cuts_damage: bool,
}

/// Number of frames in `seconds`, at `fps` frames per second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and `check` makes sure that the value is positive"
)]
pub fn clip_frames(seconds: f64, fps: f64) -> usize {
    (seconds * fps).round() as usize
}
