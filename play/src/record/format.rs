//! The content of an action log.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use genie_model::SamplerConfig;
use serde::{Deserialize, Serialize};

use crate::pictures::{PictureError, from_png, png};

/// The version of the log's format; programs refuse other versions.
pub const FORMAT: u64 = 1;
/// Largest number of frames of a log, prompt included.
pub const LONGEST_LOG: usize = 100_000;

/// The log of one path: from the prompt, action by action, to the last frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionLog {
    /// [`FORMAT`].
    pub format: u64,
    /// The program that wrote the log, with its version.
    pub program: String,
    pub models: LogModels,
    /// The device that generated the frames: others may round differently.
    pub device: String,
    pub height: usize,
    pub width: usize,
    /// Frames per second, for animations.
    pub fps: f64,
    /// Number of latent actions of the model.
    pub actions: usize,
    pub seed: u64,
    pub start: LogStart,
    pub prompt: LogPrompt,
    /// The generated frames, in order; the sampler's options are the same within a segment.
    pub segments: Vec<LogSegment>,
}

/// The models that generated the frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogModels {
    pub tokenizer: LogModel,
    pub lam: LogModel,
    pub dynamics: LogModel,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogModel {
    /// The work key of its training.
    pub key: String,
    /// BLAKE3 hash of its weights file, as hex digits.
    pub weights: String,
}

/// Where the prompt comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum LogStart {
    /// Frames of a recording, from its frame `first`.
    Clip { clip: String, first: usize },
    /// An image of the player.
    Image {},
}

/// The frames from which the world starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogPrompt {
    /// Each frame as a PNG file in Base64.
    pub frames: Vec<String>,
    /// [`hash`] of each frame.
    pub hashes: Vec<String>,
    /// Hash of the tokens that the tokenizer gave for all frames of the prompt.
    pub tokens: String,
    /// The actions between the frames of the prompt: one fewer than frames.
    pub actions: Vec<u8>,
}

/// Frames that were generated with the same options of the sampler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSegment {
    pub sampler: SamplerConfig,
    /// The action that leads to each frame.
    pub actions: Vec<u8>,
    /// [`hash`] of each frame.
    pub hashes: Vec<String>,
}

impl LogPrompt {
    /// Makes a prompt of RGB frames; `tokens` is the hash of their tokens.
    ///
    /// # Panics
    /// Panics if a frame is not `height · width · 3` bytes.
    pub fn new(
        frames: &[impl AsRef<[u8]>],
        size: (usize, usize),
        tokens: String,
        actions: Vec<u8>,
    ) -> Self {
        let rgb = || frames.iter().map(AsRef::as_ref);
        Self {
            frames: rgb().map(|frame| STANDARD.encode(png(frame, size))).collect(),
            hashes: rgb().map(hash).collect(),
            tokens,
            actions,
        }
    }

    /// Returns the RGB frames, each `[height, width, 3]`.
    pub fn read(&self, size: (usize, usize)) -> Result<Vec<Vec<u8>>, PictureError> {
        let decode = |frame: &String| from_png(&STANDARD.decode(frame).unwrap_or_default(), size);
        self.frames.iter().map(decode).collect()
    }
}

impl ActionLog {
    /// Number of generated frames.
    pub fn generated(&self) -> usize {
        self.segments.iter().map(|segment| segment.actions.len()).sum()
    }

    /// Returns the prompt's RGB frames, each `[height, width, 3]`.
    pub fn prompt_frames(&self) -> Result<Vec<Vec<u8>>, PictureError> {
        self.prompt.read((self.height, self.width))
    }
}

/// Returns the hash of a frame, or of other bytes: the first 16 hex digits of BLAKE3.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}
