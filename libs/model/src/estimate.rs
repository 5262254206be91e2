//! What training a model costs, from its config alone: parameters, memory, floating-point operations. Nothing is allocated, so the
//! largest model can be asked about on a laptop.
//!
//! A [`Tally`] walks through a model as its forward pass does. Parameters are exact (a test compares them with the real modules). Operations are those
//! of matrix products, 2 a multiply-add, all of a causal attention's counted, and three forward passes a step [Chowdhery et al. 2022,
//! appendix B]. Memory is what has to be held at once: 32-bit weights, gradients and moments, and what each operation keeps for
//! its backward pass; buffers that an allocator keeps aside come on top.

mod tally;

pub use tally::CostTally;

use crate::train::{OptimizerKind, TrainConfig};

/// Bytes of a value: everything is computed in 32 bits.
const VALUE: u64 = 4;

/// What training one model costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Trainable values, and the few that are not trained (a running mean).
    pub parameters: u64,
    /// Bytes of weights, gradients and the optimizer's moments.
    pub model_bytes: u64,
    /// Bytes that the forward pass of a step, or of a part of it, keeps for the backward pass, and the largest of that pass's own.
    pub activation_bytes: u64,
    /// Positions of a frame times frames times windows: what goes through the model in a step, on the side that has more.
    pub rows: u64,
    /// Floating-point operations of a step, forward and backward.
    pub flops_per_step: f64,
    /// Steps of the whole run.
    pub steps: u64,
}

impl Estimate {
    /// `tally` is of one part of a step ([`TrainConfig::part`]), and so are its `rows`.
    pub(crate) fn of(tally: &CostTally, train: &TrainConfig, rows: usize) -> Self {
        let moments = match train.optimizer {
            OptimizerKind::AdamW => 2 * tally.parameters,
            // One for what Muon moves, two for the rest.
            OptimizerKind::Muon => 2 * tally.parameters - tally.matrices,
        };
        Self {
            parameters: tally.parameters,
            model_bytes: VALUE * (2 * tally.parameters + moments),
            activation_bytes: VALUE * (tally.kept + tally.widest),
            rows: (rows * train.accumulate) as u64,
            flops_per_step: 3.0 * tally.flops * train.accumulate as f64,
            steps: train.steps as u64,
        }
    }

    /// Bytes that have to fit.
    pub fn bytes(&self) -> u64 {
        self.model_bytes + self.activation_bytes
    }

    /// Operations of the whole run.
    pub fn flops(&self) -> f64 {
        self.flops_per_step * self.steps as f64
    }

    /// Seconds of the whole run on hardware that does `peak` operations a second at its best, of which `mfu` (0 to 1) are used.
    pub fn seconds(&self, peak: f64, mfu: f64) -> f64 {
        self.flops() / (peak * mfu)
    }
}
