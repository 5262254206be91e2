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
    /// How the network is trained: length, batches, optimizer, logs and checkpoints.
    pub train: TrainConfig,
}

impl Default for QualityConfig {
    fn default() -> Self {
        Self {
            device: "cpu".into(),
            held_out: 0.3,
            convolutions: ConvolutionsConfig { channels: vec![16, 32, 32], strides: vec![2, 2, 2] },
            hidden: 64,
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
