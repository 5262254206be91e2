//! The config sections of ingest: `[sample]` and `[ingest]`.
//!
//! All stages share the section `[data]` ([`genie_stage::config::DataConfig`]).

mod format;
mod sandbox_mode;

use genie_stage::config::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use format::{Aspect, ClipFormat, FrameFormat, MAX_OWN_FPS, SamplingRate, clip_frames};
pub use sandbox_mode::SandboxMode;

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

/// Default of `ingest.keep`: keeps every clip that is not clearly something else than play.
///
/// The conditions reject, in this order: black; one plain colour; a still picture; a video with
/// fewer frames than are sampled; television static; a test pattern; a zoom; a menu in front of a
/// moving picture; damaged frames. Each threshold has a margin of at least a tenth to recordings of
/// games and to unwanted videos (table in `docs/log/`).
const KEEP: &str = "black_share < 0.95 and contrast > 0.02 and static_share < 0.9 \
                    and distinct_share >= 0.7 and noise < 0.5 and saturation < 0.75 and zoom < 0.4 \
                    and overlay_share < 0.37 and corrupt_frames = 0";

/// How videos become clips of small frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IngestConfig {
    /// Frames per second of a clip, from 0.001 to 1000; 0 means every frame of the source, once.
    ///
    /// With 0, a clip has its source's own frame rate. The sources should then have the same rate,
    /// because one step of the models is one frame.
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
    /// Stretches that are cut out, so that the play around them is kept.
    pub cut: CutConfig,
    /// Which clips are kept: SQL conditions over the columns of the table `clips`, joined by `and`.
    ///
    /// An empty string keeps all clips.
    pub keep: String,
    /// Key of the quality network that gives the column `quality` (16 hex digits), or empty.
    ///
    /// `genie-train quality score` writes its scores. A clip without a score has no `quality`, and
    /// a condition on it does not drop the clip. Empty means that no clip has a `quality`.
    pub quality: String,
    /// Whether only the best clip of a set of near-duplicates is kept.
    pub near_duplicates: bool,
    /// Keyword rules for a video's `.info.json`, which yt-dlp writes; they ignore case.
    ///
    /// An empty list means no rule. A video without this file passes all rules.
    pub metadata: MetadataRules,
    /// Number of video files that are decoded at the same time; 0 means one per processor.
    pub threads: u32,
    /// Limits of one decoder process, and whether the kernel confines it.
    ///
    /// A process over a time limit is killed.
    pub decoder: DecoderLimits,
}

/// `[ingest.cut]`: which stretches are cut out of a recording.
///
/// A stretch gets a row in the catalog's table `clips`, with its times and the reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CutConfig {
    /// Stretches in which the picture stands still for this many seconds are cut out; 0: none.
    ///
    /// Pauses, menus, loading screens and frozen recordings stand still. A small part may move, at
    /// most 2 of 8 × 8 blocks, if its pictures repeat, such as a cursor that blinks. With the
    /// default, a player may wait for five seconds. The reason of a stretch is `still`. The largest
    /// value is 600.
    pub still: f64,
    /// Fades to black and from black that take at most this many seconds are cut out; 0: none.
    ///
    /// Between two scenes, the frames of a fade that have lost a fifth of their brightness are cut
    /// out, because a game fades when its play is over. At the beginning and the end of a
    /// recording, only the black is, because someone may have faded play that goes on. The whole
    /// picture must darken together. The black beside a fade belongs to the stretch, and a picture
    /// that stands still between a fade and the next fade or cut. The reason of a stretch is
    /// `fade`. The largest value is 60.
    pub fade: f64,
    /// Whether stretches with damaged frames are cut out.
    ///
    /// A frame is damaged if it depends on lost data. Whole frames between damaged ones belong to
    /// the stretch if they are fewer than `min_frames`. The reason of a stretch is `damaged`. With
    /// `false`, the stretches are clips, and `keep` decides by `corrupt_frames`.
    pub damage: bool,
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

/// `[ingest.decoder]`: limits of a decoder process, and whether the kernel confines it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecoderLimits {
    /// Memory that the process may use, in MiB, at least 256.
    pub memory_mb: u64,
    /// Longest time without a message from the process, in seconds, at least 1.
    pub silence_s: u64,
    /// Longest time for one video file, in seconds, at least 1.
    pub total_s: u64,
    /// Whether the kernel takes away the process's rights to files, network and programs.
    ///
    /// A confined process reads the video that ingest opened for it, and nothing else.
    pub sandbox: SandboxMode,
    /// Largest picture that is decoded, in millions of pixels, at least 1; 8K video has 33.
    pub max_megapixels: u64,
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
            cut: CutConfig::default(),
            keep: KEEP.to_owned(),
            quality: String::new(),
            near_duplicates: true,
            metadata: MetadataRules::default(),
            threads: 0,
            decoder: DecoderLimits::default(),
        }
    }
}

impl Default for CutConfig {
    fn default() -> Self {
        Self { still: 5.5, fade: 5.0, damage: true }
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
        Self {
            memory_mb: 4096,
            silence_s: 60,
            total_s: 4 * 3600,
            sandbox: SandboxMode::On,
            max_megapixels: 100,
        }
    }
}

impl Section for IngestConfig {
    const NAME: &'static str = "ingest";

    fn check(&self) -> Result<(), String> {
        if self.fps != 0.0 && !(0.001..=1000.0).contains(&self.fps) {
            return Err(format!(
                "fps is {}: it must be between 0.001 and 1000, or 0 for the source's own rate",
                self.fps
            ));
        }
        for (key, size) in [("width", self.width), ("height", self.height)] {
            if !(1..=8192).contains(&size) {
                return Err(format!("{key} is {size}: it must be between 1 and 8192 pixels"));
            }
        }
        if !(0.0..=600.0).contains(&self.cut.still) {
            return Err(format!(
                "cut.still is {}: it must be from 0 to 600 seconds; 0 cuts nothing out",
                self.cut.still
            ));
        }
        if !(0.0..=60.0).contains(&self.cut.fade) {
            return Err(format!(
                "cut.fade is {}: it must be from 0 to 60 seconds; 0 cuts nothing out",
                self.cut.fade
            ));
        }
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_key = self.quality.len() == 16 && self.quality.bytes().all(is_digit);
        if !self.quality.is_empty() && !is_key {
            return Err(format!(
                "quality is {:?}: it must be the key of a quality network (16 hex digits), or \
                 empty",
                self.quality
            ));
        }
        if self.min_frames == 0 {
            return Err("min_frames is 0: it must be at least 1".into());
        }
        let DecoderLimits { memory_mb, silence_s, total_s, max_megapixels, .. } = self.decoder;
        if memory_mb < 256 || silence_s == 0 || total_s == 0 || max_megapixels == 0 {
            return Err("decoder: memory_mb must be at least 256, \
                        silence_s, total_s and max_megapixels must be at least 1"
                .into());
        }
        let fps = if self.fps == 0.0 { MAX_OWN_FPS } else { self.fps };
        let longest = clip_frames(self.clip_seconds, fps);
        if !(self.clip_seconds > 0.0 && longest >= self.min_frames as usize) {
            return Err(format!(
                "clip_seconds is {}: at {fps} frames per second a clip has fewer frames than \
                 min_frames, {}; raise clip_seconds or lower min_frames",
                self.clip_seconds, self.min_frames
            ));
        }
        Ok(())
    }
}

impl IngestConfig {
    /// The part of the config that describes sampled frames.
    pub fn frame_format(&self) -> FrameFormat {
        let &Self { fps, width, height, aspect, .. } = self;
        let rate = if fps == 0.0 { SamplingRate::Own } else { SamplingRate::Fixed(fps) };
        FrameFormat { rate, width, height, aspect }
    }

    /// The part of the config that describes clips.
    pub fn clip_format(&self) -> ClipFormat {
        ClipFormat {
            frame: self.frame_format(),
            clip_seconds: self.clip_seconds,
            min_frames: self.min_frames,
            still_seconds: self.cut.still,
            fade_seconds: self.cut.fade,
            cuts_damage: self.cut.damage,
        }
    }
}
