//! The `[quality]` section of the config, and the description that a checkpoint stores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scale::ScoreScale;
use crate::error::ModelError;
use crate::layers::ConvolutionsConfig;
use crate::train::{Schedule, TrainConfig};

/// The `[quality]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QualityConfig {
    /// Where to train and run: `cpu`, `cuda`, or `cuda:0,1` with the numbers of the GPUs.
    pub device: String,
    /// Share of the labelled clips of each class that are held out, above 0 and at most 0.5.
    ///
    /// All clips of a source are in one part. The held-out part measures the network.
    pub held_out: f64,
    /// The convolutions over the pixels of two adjacent frames, of 64×36 pixels.
    pub convolutions: ConvolutionsConfig,
    /// Number of features between the pixels and scores of a clip and its quality, at least 1.
    pub hidden: usize,
    /// Flaws that good clips get in training.
    pub synthetic: SyntheticConfig,
    /// How the network is trained: length, batches, optimizer, logs and checkpoints.
    pub train: TrainConfig,
}

/// Flaws that good clips get in training, labelled bad: `[quality.synthetic]`.
///
/// In each training step, every good clip is also shown with one of the flaws that are `true`.
/// Switch off a flaw that good clips of your games have, such as a split screen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each kind has a switch of its own")]
pub struct SyntheticConfig {
    /// Weight of a clip with a flaw, from 0 to 1. A labelled clip has 1; 0 switches flaws off.
    ///
    /// The good clip without the flaw gets the same weight in addition to its own.
    pub weight: f64,
    /// Whether clips are also played backwards.
    pub reversed: bool,
    /// Whether two clips also share the picture.
    pub split: bool,
    /// Whether the middle of a clip is also shown between blurred bars.
    pub bars: bool,
    /// Whether a small picture, often with a banner, also lies over a clip.
    pub overlay: bool,
}

impl Default for SyntheticConfig {
    fn default() -> Self {
        Self { weight: 0.5, reversed: true, split: true, bars: true, overlay: true }
    }
}

impl Default for QualityConfig {
    fn default() -> Self {
        Self {
            device: "cpu".into(),
            held_out: 0.3,
            convolutions: ConvolutionsConfig { channels: vec![16, 32, 32], strides: vec![2, 2, 2] },
            hidden: 64,
            synthetic: SyntheticConfig::default(),
            train: TrainConfig {
                steps: 300,
                batch: 32,
                lr: 2e-3,
                final_lr: 0.0,
                warmup: 20,
                schedule: Schedule::Cosine,
                beta_2: 0.99,
                weight_decay: 0.05,
                ema: 0.98,
                checkpoint_every: 100,
                keep: 1,
                ..TrainConfig::default()
            },
        }
    }
}

impl QualityConfig {
    /// Fails if no network can be built from the config.
    pub fn check(&self) -> Result<(), ModelError> {
        self.convolutions.check("quality.convolutions")?;
        self.train.check("quality")?;
        if self.hidden == 0 || !(self.held_out > 0.0 && self.held_out <= 0.5) {
            return Err(ModelError::Config(
                "[quality] hidden must be at least 1, and held_out above 0 and at most 0.5".into(),
            ));
        }
        if !(0.0..=1.0).contains(&self.synthetic.weight) {
            return Err(ModelError::Config("quality.synthetic.weight must be from 0 to 1".into()));
        }
        Ok(())
    }
}

/// The description of the network in its checkpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "model", rename = "quality")]
pub struct QualityDescription {
    pub config: QualityConfig,
    /// How the scores of a clip become inputs.
    pub scale: ScoreScale,
}
