//! The sections of the config file that ingest reads: `[sample]` and `[ingest]` (`[data]` is everyone's).

use genie_stage::config::Section;
use serde::{Deserialize, Serialize};

/// `[sample]`: the procedural game's videos.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleConfig {
    pub episodes: u32,
    /// Length of an episode.
    pub seconds: u32,
    pub seed: u64,
    /// Levels five screens wide, with a camera that follows; harder to learn than single screens.
    pub scrolling: bool,
    /// Colour themes used, at most six.
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
            return Err("episodes and seconds are at least 1".into());
        }
        if !(1..=6).contains(&self.themes) {
            return Err(format!("themes is {}: there are 1 to 6", self.themes));
        }
        Ok(())
    }
}

/// How a picture is fitted to the configured size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Black borders that stay are cut off; the rest is stretched.
    #[default]
    Crop,
    /// The shape in which a player shows the picture is kept; black fills what is left.
    Pad,
    /// All of the picture is stretched.
    Stretch,
}

impl Aspect {
    pub fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Pad => "pad",
            Self::Stretch => "stretch",
        }
    }
}

/// What is kept unless the config says otherwise: all that is not plainly something else than play. By part: black; one plain colour; a
/// still; fewer frames than are sampled; television static; a test pattern; a zoom; a menu in front of a moving picture. Each
/// threshold lies between the recordings of games and what is not wanted, by at least a tenth (LOG.md has the table).
const KEEP: &str = "black_share < 0.95 and contrast > 0.02 and static_share < 0.9 and distinct_share >= 0.7 \
                    and noise < 0.5 and saturation < 0.75 and zoom < 0.4 and overlay_share < 0.37";

/// `[ingest]`: from videos to clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IngestConfig {
    /// Frames a second of a clip.
    pub fps: f64,
    /// Size of a clip's frames.
    pub width: u32,
    pub height: u32,
    /// What is done with a picture of another shape.
    pub aspect: Aspect,
    /// Length of a clip; a source's last one is shorter.
    pub clip_seconds: f64,
    /// Clips of fewer frames are dropped.
    pub min_frames: u32,
    /// Which clips are kept: SQL over the columns of the table `clips`, parts joined by `and`. Empty: all.
    pub keep: String,
    /// Of clips that look the same, keep the best only.
    pub near_duplicates: bool,
    /// What must be in a video's `.info.json`, if there is one.
    pub metadata: MetadataRules,
    /// Files decoded at once; 0 = one a processor.
    pub threads: u32,
    /// What one decoder process may use.
    pub decoder: DecoderLimits,
}

/// `[ingest.metadata]`: the paper's keyword rules (appendix B.1) on a sidecar `.info.json` as yt-dlp writes it. Words and phrases,
/// whatever their case; an empty list is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataRules {
    /// The title has one of these. (The paper's list of words for 2D platformers is not published.)
    pub title_any: Vec<String>,
    /// The title or the description has one of these.
    pub text_any: Vec<String>,
    /// The title has none of these.
    pub title_none: Vec<String>,
}

/// `[ingest.decoder]`: limits of a decoder process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecoderLimits {
    /// Memory, in MiB.
    pub memory_mb: u64,
    /// Seconds without a sign of life.
    pub silence_s: u64,
    /// Seconds for one file.
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
            return Err(format!("fps is {}: it is between 0.001 and 1000", self.fps));
        }
        for (key, size) in [("width", self.width), ("height", self.height)] {
            if !(1..=8192).contains(&size) {
                return Err(format!("{key} is {size}: it is between 1 and 8192 pixels"));
            }
        }
        if self.min_frames == 0 {
            return Err("min_frames is 0: a clip has at least one frame".into());
        }
        let DecoderLimits { memory_mb, silence_s, total_s } = self.decoder;
        if memory_mb < 256 || silence_s == 0 || total_s == 0 {
            return Err(
                "decoder: memory_mb is at least 256, silence_s and total_s are at least 1".into()
            );
        }
        if !(self.clip_seconds > 0.0 && self.clip_frames() >= self.min_frames as usize) {
            return Err(format!(
                "clip_seconds is {}: at {} frames a second that is fewer than min_frames, {}",
                self.clip_seconds, self.fps, self.min_frames
            ));
        }
        Ok(())
    }
}

/// What the frames of a clip are like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrameFormat {
    /// Frames a second.
    pub fps: f64,
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub aspect: Aspect,
}

/// How sampled frames are cut into clips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipFormat {
    pub frame: FrameFormat,
    /// Frames of a whole clip.
    pub clip_frames: usize,
    /// Frames of the shortest clip.
    pub min_frames: u32,
}

impl IngestConfig {
    pub fn frame_format(&self) -> FrameFormat {
        let &Self { fps, width, height, aspect, .. } = self;
        FrameFormat { fps, width, height, aspect }
    }

    pub fn clip_format(&self) -> ClipFormat {
        ClipFormat {
            frame: self.frame_format(),
            clip_frames: self.clip_frames(),
            min_frames: self.min_frames,
        }
    }

    /// Frames of a whole clip.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates; checked to be positive"
    )]
    fn clip_frames(&self) -> usize {
        (self.clip_seconds * self.fps).round() as usize
    }
}
