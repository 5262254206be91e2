//! The `[tokenizer]` section of the config, and the description that a checkpoint stores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::FrameSize;
use crate::error::ModelError;
use crate::layers::{QuantizerConfig, StackConfig};
use crate::train::TrainConfig;

/// The `[tokenizer]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerConfig {
    /// Where to train and run: `cpu`, `cuda`, or `cuda:0,1` with the numbers of the GPUs.
    pub device: String,
    /// Number of frames per window, at least 2; token windows have the same length.
    pub frames: usize,
    /// Side of a square patch in pixels, at least 1; each patch becomes one token.
    pub patch: usize,
    /// The transformer that turns patches of pixels into the vectors that are quantized.
    pub encoder: StackConfig,
    /// The transformer that turns quantized vectors back into patches of pixels.
    pub decoder: StackConfig,
    /// The quantizer, which replaces each vector by one of a finite number of codes.
    pub quantizer: QuantizerConfig,
    /// Weight in the loss of pixels that differ from the previous frame; all others have 1.
    pub changed_pixel_weight: f64,
    /// How the model is trained: length, batches, optimizer, logs and checkpoints.
    pub train: TrainConfig,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        let stack = StackConfig {
            layers: 2,
            d: 128,
            heads: 4,
            head_dim: 0,
            ffn_mult: 4,
            qk_norm: false,
            temporal: true,
        };
        Self {
            device: "cpu".into(),
            frames: 16,
            patch: 4,
            encoder: stack.clone(),
            decoder: stack,
            quantizer: QuantizerConfig::default(),
            changed_pixel_weight: 1.0,
            train: TrainConfig::default(),
        }
    }
}

impl TokenizerConfig {
    /// Fails if no model can be built from the config.
    pub fn check(&self) -> Result<(), ModelError> {
        self.encoder.check("tokenizer.encoder")?;
        self.decoder.check("tokenizer.decoder")?;
        // Tokens are u16. The dynamics model's mask token is the number after the last code.
        self.quantizer.check("tokenizer", usize::from(u16::MAX))?;
        self.train.check("tokenizer")?;
        if self.frames < 2 || self.patch == 0 {
            return Err(ModelError::Config(
                "[tokenizer] frames must be at least 2 and patch at least 1".into(),
            ));
        }
        Ok(())
    }

    /// Frames per training window.
    ///
    /// A window has one frame if no frame depends on another one: without temporal attention and
    /// without a weight for changed pixels. Sixteen frames of sixteen clips teach more than sixteen
    /// frames of one clip.
    pub fn span(&self) -> usize {
        let independent =
            !self.encoder.temporal && !self.decoder.temporal && self.changed_pixel_weight == 1.0;
        if independent { 1 } else { self.frames }
    }

    /// Windows of [`TokenizerConfig::span`] frames in a micro-batch.
    ///
    /// They have as many frames together as [`TrainConfig::micro_batch`] windows of `frames`
    /// frames.
    pub fn windows_per_micro_batch(&self) -> usize {
        self.train.micro_batch() * self.frames / self.span()
    }
}

/// The description of the model in a tokenizer's checkpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "model", rename = "tokenizer")]
pub struct TokenizerDescription {
    pub config: TokenizerConfig,
    pub size: FrameSize,
}
