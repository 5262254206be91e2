//! How long and how fast to train.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::OptimizerKind;
use super::checkpoint::hash;
use crate::{ModelError, Precision};

/// How the learning rate goes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls along half a cosine to `final_lr`.
    Cosine,
    /// Stays, then falls in a straight line to `final_lr` over the last `decay` of the steps (warm-up, stable, decay).
    Wsd,
}

/// Options of a training run, the same for every model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// A safetensors file to start from instead of random weights, such as `export` writes; empty: none.
    pub import: Utf8PathBuf,
    /// Optimizer steps. 0, with an `import`: its weights are taken as they are.
    pub steps: usize,
    /// Windows a step.
    pub batch: usize,
    /// Parts that a step's windows go through the model in, one after the other, where all at once do not fit into memory. Their gradients are averaged;
    /// what is a mean over a batch (a centring quantizer's, a weighted loss's) is one over a part.
    pub accumulate: usize,
    /// In which numbers matrix products are computed: `f32`, or `bf16`, which is for GPUs.
    pub precision: Precision,
    /// What moves the matrices of the transformer's blocks: `adamw`, or `muon`.
    pub optimizer: OptimizerKind,
    /// Peak learning rate of AdamW.
    pub lr: f64,
    /// Peak learning rate of Muon, in AdamW's units (an update's root mean square is 0.2 of it); follows the same schedule.
    pub matrix_lr: f64,
    /// Learning rate at the end of a cosine schedule.
    pub final_lr: f64,
    /// Steps over which the learning rate rises from 0.
    pub warmup: usize,
    /// How the learning rate goes on.
    pub schedule: Schedule,
    /// Share of the steps in which a `wsd` schedule falls.
    pub decay: f64,
    /// Weights of the moving average that is used of the trained model: how much of it each step keeps, 0.999 say; 0: the last weights are used.
    pub ema: f64,
    /// AdamW's β₁.
    pub beta_1: f32,
    /// AdamW's β₂.
    pub beta_2: f32,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f32,
    /// Largest norm of the whole gradient; 0 means no limit.
    pub clip_norm: f64,
    /// Seed of weights, batches and noise.
    pub seed: u64,
    /// Steps between lines of metrics.
    pub log_every: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
    /// Checkpoints kept.
    pub keep: usize,
    /// Checkpoints of every so many steps are kept beside those; 0: none.
    pub keep_every: usize,
    /// Peak speed of the devices together in TFLOP/s, to tell the share that is used (`mfu`); 0: unknown, and not told.
    pub peak_tflops: f64,
}

impl Default for TrainConfig {
    /// The paper's optimizer (β 0.9, 0.9, weight decay 1e-4) with a rate and length for small models.
    fn default() -> Self {
        Self {
            import: Utf8PathBuf::new(),
            steps: 1000,
            batch: 8,
            accumulate: 1,
            precision: Precision::F32,
            optimizer: OptimizerKind::AdamW,
            lr: 1e-3,
            matrix_lr: 0.01,
            final_lr: 1e-5,
            warmup: 50,
            schedule: Schedule::Cosine,
            decay: 0.2,
            ema: 0.0,
            beta_1: 0.9,
            beta_2: 0.9,
            weight_decay: 1e-4,
            clip_norm: 1.0,
            seed: 0,
            log_every: 10,
            checkpoint_every: 200,
            keep: 2,
            keep_every: 0,
            peak_tflops: 0.0,
        }
    }
}

impl TrainConfig {
    /// The file to start from, if there is one.
    pub fn import(&self) -> Option<&Utf8Path> {
        Some(self.import.as_path()).filter(|path| !path.as_str().is_empty())
    }

    /// The hash of the imported file's content: what it is, wherever it lies.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn import_hash(&self) -> Result<Option<String>, ModelError> {
        self.import().map(hash).transpose()
    }

    /// The learning rate of a step, counted from 0.
    pub fn lr_at(&self, step: usize) -> f64 {
        let fallen = |done: f64| self.lr + (self.final_lr - self.lr) * done.clamp(0.0, 1.0);
        let warm = ((step + 1) as f64 / self.warmup.max(1) as f64).min(1.0);
        let rest = match self.schedule {
            Schedule::Constant => self.lr,
            Schedule::Wsd => {
                fallen(1.0 - (self.steps as f64 - step as f64) / (self.decay * self.steps as f64))
            }
            Schedule::Cosine => {
                let length = self.steps.saturating_sub(self.warmup).max(1) as f64;
                let done = (step.saturating_sub(self.warmup) as f64 / length).min(1.0);
                self.final_lr
                    + 0.5 * (self.lr - self.final_lr) * (1.0 + (std::f64::consts::PI * done).cos())
            }
        };
        warm * rest
    }

    /// Windows of a part of a step.
    pub fn part(&self) -> usize {
        self.batch / self.accumulate
    }

    /// # Errors
    /// If a count is zero or a rate is not positive.
    pub fn check(&self, section: &str) -> Result<(), ModelError> {
        if self.steps == 0 && self.import().is_none() {
            return Err(ModelError::Config(format!(
                "[{section}.train] steps must be at least 1, but where the weights come from an `import`"
            )));
        }
        let counts = [self.batch, self.log_every, self.checkpoint_every, self.keep];
        let positive = |rate: f64| rate > 0.0 && rate.is_finite();
        if counts.contains(&0) || !positive(self.lr) || !positive(self.matrix_lr) {
            return Err(ModelError::Config(format!(
                "[{section}.train] batch, log_every, checkpoint_every and keep must be at least 1, lr and matrix_lr above 0"
            )));
        }
        if self.accumulate == 0 || !self.batch.is_multiple_of(self.accumulate) {
            return Err(ModelError::Config(format!(
                "[{section}.train] a batch of {} cannot be taken in {} equal parts (accumulate)",
                self.batch, self.accumulate
            )));
        }
        if !(self.decay > 0.0 && self.decay <= 1.0 && (0.0..1.0).contains(&self.ema)) {
            return Err(ModelError::Config(format!(
                "[{section}.train] decay is a share above 0 and at most 1, ema one from 0 to below 1"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a schedule that jumps at the end of the warm-up or never reaches its end.
    #[test]
    fn the_rate_rises_then_falls_to_the_end() {
        let config =
            TrainConfig { steps: 100, warmup: 10, lr: 1.0, final_lr: 0.1, ..Default::default() };
        assert!((config.lr_at(0) - 0.1).abs() < 1e-12);
        assert!((config.lr_at(9) - 1.0).abs() < 1e-12);
        assert!((config.lr_at(10) - 1.0).abs() < 1e-12);
        assert!((config.lr_at(55) - 0.55).abs() < 1e-12);
        assert!((config.lr_at(100) - 0.1).abs() < 1e-12);
    }

    /// Catches: a decay that begins at once, never ends, or jumps.
    #[test]
    fn a_stable_rate_falls_at_the_end_only() {
        let config = TrainConfig {
            steps: 100,
            warmup: 10,
            lr: 1.0,
            final_lr: 0.0,
            schedule: Schedule::Wsd,
            decay: 0.25,
            ..Default::default()
        };
        assert!((config.lr_at(4) - 0.5).abs() < 1e-12);
        assert!([9, 40, 75].iter().all(|step| (config.lr_at(*step) - 1.0).abs() < 1e-12));
        assert!((config.lr_at(80) - 0.8).abs() < 1e-12);
        assert!((config.lr_at(99) - 0.04).abs() < 1e-12);
    }
}
