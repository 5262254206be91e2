//! The config sections of ingest: `[sample]` and `[ingest]`.
//!
//! All stages share the section `[data]` ([`genie_stage::config::DataConfig`]).

use genie_stage::config::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The sample game, which is recorded if `data.videos` is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SampleConfig {
    /// Number of videos to record, at least 1; each is one episode of play.
    pub episodes: u32,
    /// Length of each video, in seconds, at least 1.
    pub seconds: u32,
    /// Seed of the random levels and of the random play.
    pub seed: u64,
    /// Whether levels are five screens wide and the camera follows the player.
    ///
    /// Such videos are harder to learn than single screens.
    pub scrolling: bool,
    /// Number of colour themes of the levels, from 1 to 6.
    pub themes: u32,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self { episodes: 120, seconds: 16, seed: 1, scrolling: false, themes: 3 }
    }
}

impl Section for SampleConfig {
    const NAME: &'static str = "sample";

    fn check(&self) -> Result<(), String> {
        if self.episodes == 0 || self.seconds == 0 {
            return Err("episodes and seconds must be at least 1".into());
        }
        if !(1..=6).contains(&self.themes) {
            return Err(format!("themes is {}: it must be between 1 and 6", self.themes));
        }
        Ok(())
    }
}

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

/// Default of `ingest.keep`: keeps every clip that is not clearly something else than play.
///
/// The conditions reject, in this order: black; one plain colour; a still picture; a video with
/// fewer frames than are sampled; television static; a test pattern; a zoom; a menu in front of a
/// moving picture. Each threshold has a margin of at least a tenth to recordings of games and to
/// unwanted videos (table in `docs/log/`).
const KEEP: &str = "black_share < 0.95 and contrast > 0.02 and static_share < 0.9 \
                    and distinct_share >= 0.7 and noise < 0.5 and saturation < 0.75 and zoom < 0.4 \
                    and overlay_share < 0.37";

/// How videos become clips of small frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IngestConfig {
    /// Frames per second of a clip, from 0.001 to 1000.
    pub fps: f64,
    /// Width of a clip's frames, in pixels, from 1 to 8192.
    pub width: u32,
    /// Height of a clip's frames, in pixels, from 1 to 8192.
    pub height: u32,
    /// How a picture with another aspect ratio is fitted to `width` and `height`.
    pub aspect: Aspect,
    /// Length of a clip, in seconds; the last clip of a shot may be shorter.
    pub clip_seconds: f64,
    /// Number of frames of the shortest clip, at least 1; shorter clips are dropped.
    pub min_frames: u32,
    /// Which clips are kept: SQL conditions over the columns of the table `clips`, joined by `and`.
    ///
    /// An empty string keeps all clips.
    pub keep: String,
    /// Whether only the best clip of a set of near-duplicates is kept.
    pub near_duplicates: bool,
    /// Keyword rules for a video's `.info.json`, which yt-dlp writes; they ignore case.
    ///
    /// An empty list means no rule. A video without this file passes all rules.
    pub metadata: MetadataRules,
    /// Number of video files that are decoded at the same time; 0 means one per processor.
    pub threads: u32,
    /// Limits of one decoder process; a process that exceeds them is killed.
    pub decoder: DecoderLimits,
}

/// `[ingest.metadata]`: the paper's keyword rules (appendix B.1) for a video's `.info.json`.
///
/// yt-dlp writes such a file beside each video. The rules contain words and phrases, and ignore
/// their case. An empty list means no rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MetadataRules {
    /// The title must contain one of these words or phrases.
    ///
    /// The paper's list of words for 2D platformers is not published.
    pub title_any: Vec<String>,
    /// The title or the description must contain one of these words or phrases.
    pub text_any: Vec<String>,
    /// The title must contain none of these words or phrases.
    pub title_none: Vec<String>,
}

/// `[ingest.decoder]`: limits of a decoder process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecoderLimits {
    /// Memory that the process may use, in MiB, at least 256.
    pub memory_mb: u64,
    /// Longest time without a message from the process, in seconds, at least 1.
    pub silence_s: u64,
    /// Longest time for one video file, in seconds, at least 1.
    pub total_s: u64,
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self {
            fps: 10.0,
            width: 160,
            height: 90,
            aspect: Aspect::Crop,
            clip_seconds: 16.0,
            min_frames: 16,
            keep: KEEP.to_owned(),
            near_duplicates: true,
            metadata: MetadataRules::default(),
            threads: 0,
            decoder: DecoderLimits::default(),
        }
    }
}

impl Default for MetadataRules {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            title_any: Vec::new(),
            text_any: words(&[
                "speedrun",
                "playthrough",
                "walkthrough",
                "longplay",
                "gameplay",
                "let's play",
            ]),
            title_none: words(&["movie", "unboxing", "trailer", "reaction", "review"]),
        }
    }
}

impl Default for DecoderLimits {
    fn default() -> Self {
        Self { memory_mb: 4096, silence_s: 60, total_s: 4 * 3600 }
    }
}

impl Section for IngestConfig {
    const NAME: &'static str = "ingest";

    fn check(&self) -> Result<(), String> {
        if !(0.001..=1000.0).contains(&self.fps) {
            return Err(format!("fps is {}: it must be between 0.001 and 1000", self.fps));
        }
        for (key, size) in [("width", self.width), ("height", self.height)] {
            if !(1..=8192).contains(&size) {
                return Err(format!("{key} is {size}: it must be between 1 and 8192 pixels"));
            }
        }
        if self.min_frames == 0 {
            return Err("min_frames is 0: it must be at least 1".into());
        }
        let DecoderLimits { memory_mb, silence_s, total_s } = self.decoder;
        if memory_mb < 256 || silence_s == 0 || total_s == 0 {
            return Err("decoder: memory_mb must be at least 256, \
                        silence_s and total_s must be at least 1"
                .into());
        }
        if !(self.clip_seconds > 0.0 && self.clip_frames() >= self.min_frames as usize) {
            return Err(format!(
                "clip_seconds is {}: at {} frames per second a clip has fewer frames than \
                 min_frames, {}; raise clip_seconds or lower min_frames",
                self.clip_seconds, self.fps, self.min_frames
            ));
        }
        Ok(())
    }
}

/// Rate, size and aspect of sampled frames: all that the decoder needs of the config.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameFormat {
    /// Frames per second.
    pub fps: f64,
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
    /// Number of frames of a full clip.
    pub clip_frames: usize,
    /// Number of frames of the shortest clip.
    pub min_frames: u32,
}

impl IngestConfig {
    /// The part of the config that describes sampled frames.
    pub fn frame_format(&self) -> FrameFormat {
        let &Self { fps, width, height, aspect, .. } = self;
        FrameFormat { fps, width, height, aspect }
    }

    /// The part of the config that describes clips.
    pub fn clip_format(&self) -> ClipFormat {
        ClipFormat {
            frame: self.frame_format(),
            clip_frames: self.clip_frames(),
            min_frames: self.min_frames,
        }
    }

    /// Number of frames of a full clip.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and `check` makes sure that the value is positive"
    )]
    fn clip_frames(&self) -> usize {
        (self.clip_seconds * self.fps).round() as usize
    }
}
