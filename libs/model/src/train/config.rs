//! Options of a training run.

use camino::{Utf8Path, Utf8PathBuf};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ModelError, Precision};

/// The learning rate after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// It stays constant.
    Constant,
    /// It falls to `final_lr` along half a cosine.
    Cosine,
    /// It stays constant, then falls linearly to `final_lr` (warm-up, stable, decay).
    ///
    /// The fall takes the last `decay` (a share) of the steps.
    Wsd,
}

/// The optimizer of the matrices of the transformer's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// AdamW, which also updates everything else (as in the paper).
    AdamW,
    /// Muon: the update is the orthogonal matrix nearest to the momentum.
    ///
    /// On small models it needs about half the training steps of AdamW (`docs/log/`).
    Muon,
}

/// Options of a training run, the same for every model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Safetensors file with the initial weights, as `export` writes it; empty for random weights.
    #[schemars(with = "String")]
    pub import: Utf8PathBuf,
    /// Number of training steps, at least 1.
    ///
    /// With an `import` it may be 0: the model then has the imported weights.
    pub steps: usize,
    /// Number of windows per training step, at least 1 and a multiple of `accumulate`.
    pub batch: usize,
    /// Number of micro-batches per training step, at least 1; more of them need less memory.
    ///
    /// Their gradients are averaged. Means over a batch, as in a centring quantizer or a weighted
    /// loss, are means over a micro-batch.
    pub accumulate: usize,
    /// Whether each transformer block runs again in the backward pass, to need less memory.
    ///
    /// A block then keeps only its input. The result is the same, and a training step takes up to a
    /// third longer.
    pub recompute: bool,
    /// Whether several devices divide the weights of the transformer blocks; needs `recompute`.
    ///
    /// A device then copies the weights of a block from the other devices each time it runs the
    /// block. The result is the same. One device needs no copies.
    pub shard_weights: bool,
    /// Precision of the factors of matrix products; everything else is computed in f32.
    pub precision: Precision,
    /// Optimizer of the matrices of the transformer's blocks; AdamW updates all other weights.
    pub optimizer: OptimizerKind,
    /// Peak learning rate of AdamW, above 0.
    pub lr: f64,
    /// Peak learning rate of Muon, above 0, with the same schedule as `lr`; only `muon` uses it.
    ///
    /// It has AdamW's units: the root mean square of an update is 0.2 of it.
    pub matrix_lr: f64,
    /// Learning rate at the last training step of a `cosine` or `wsd` schedule.
    pub final_lr: f64,
    /// Number of training steps in which the learning rate rises from 0 to its peak.
    pub warmup: usize,
    /// How the learning rate changes after the warm-up.
    pub schedule: Schedule,
    /// Share of the training steps in which the rate of a `wsd` schedule falls, above 0, at most 1.
    pub decay: f64,
    /// Share of the weights' moving average that each training step keeps, from 0 to below 1.
    ///
    /// The trained model is then the average. 0 means no average: the last weights are used.
    pub ema: f64,
    /// AdamW's β₁: the share of the gradients' moving average that each training step keeps.
    pub beta_1: f32,
    /// AdamW's β₂: the share of the squared gradients' moving average that each step keeps.
    pub beta_2: f32,
    /// AdamW's decoupled weight decay.
    ///
    /// Each training step shrinks the weights by this share times the learning rate.
    pub weight_decay: f32,
    /// Largest norm of the gradient of all weights together; 0 means no limit.
    ///
    /// A larger gradient is scaled down to this norm.
    pub clip_norm: f64,
    /// Seed of the initial weights, of the order of the windows, and of the noise in training.
    pub seed: u64,
    /// Number of training steps between two lines in `metrics.jsonl`, at least 1.
    pub log_every: usize,
    /// Number of training steps between two checkpoints, at least 1.
    ///
    /// A run that was killed resumes from its last checkpoint.
    pub checkpoint_every: usize,
    /// Number of newest checkpoints that are kept, at least 1; older ones are deleted.
    pub keep: usize,
    /// Interval, in training steps, of checkpoints that are kept for ever; 0 means none.
    pub keep_every: usize,
    /// Peak speed of all devices together in TFLOP/s, to report the share in use (`mfu`).
    ///
    /// 0 means unknown: `mfu` is not reported.
    pub peak_tflops: f64,
}

impl Default for TrainConfig {
    /// The paper's optimizer (β 0.9 and 0.9, weight decay 1e-4), and a rate for small models.
    fn default() -> Self {
        Self {
            import: Utf8PathBuf::new(),
            steps: 1000,
            batch: 8,
            accumulate: 1,
            recompute: false,
            shard_weights: false,
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
    /// The file with the initial weights, if one is configured.
    pub fn import(&self) -> Option<&Utf8Path> {
        Some(self.import.as_path()).filter(|path| !path.as_str().is_empty())
    }

    /// BLAKE3 hash of the imported file's content, which does not depend on its path.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn import_hash(&self) -> Result<Option<String>, ModelError> {
        Ok(self.import().map(genie_durable::hash_file).transpose()?)
    }

    /// The learning rate of a training step, counted from 0.
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

    /// Windows per micro-batch.
    pub fn micro_batch(&self) -> usize {
        self.batch / self.accumulate
    }

    /// Checks all options; `section` is the model's config section, for messages.
    pub fn check(&self, section: &str) -> Result<(), ModelError> {
        if self.steps == 0 && self.import().is_none() {
            return Err(ModelError::Config(format!(
                "[{section}.train] steps must be at least 1; it may be 0 only with an `import`"
            )));
        }
        let counts = [self.batch, self.log_every, self.checkpoint_every, self.keep];
        let positive = |rate: f64| rate > 0.0 && rate.is_finite();
        if counts.contains(&0) || !positive(self.lr) || !positive(self.matrix_lr) {
            return Err(ModelError::Config(format!(
                "[{section}.train] batch, log_every, checkpoint_every and keep must be at least 1; \
                 lr and matrix_lr must be above 0"
            )));
        }
        if self.accumulate == 0 || !self.batch.is_multiple_of(self.accumulate) {
            return Err(ModelError::Config(format!(
                "[{section}.train] a batch of {} cannot be split into {} equal micro-batches \
                 (accumulate)",
                self.batch, self.accumulate
            )));
        }
        if self.shard_weights && !self.recompute {
            return Err(ModelError::Config(format!(
                "[{section}.train] shard_weights needs recompute = true: without it, a device \
                 keeps the copied weights of all blocks until their backward pass"
            )));
        }
        if !(self.decay > 0.0 && self.decay <= 1.0 && (0.0..1.0).contains(&self.ema)) {
            return Err(ModelError::Config(format!(
                "[{section}.train] decay must be above 0 and at most 1; ema must be at least 0 and \
                 below 1"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a schedule jumps at the end of the warm-up or never reaches its end.
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

    /// Catches: a decay begins with the first training step, never ends, or jumps.
    #[test]
    fn a_stable_rate_falls_only_at_the_end() {
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
