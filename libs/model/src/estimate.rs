//! Estimates of training: parameters, memory and floating-point operations.
//!
//! The estimate needs only the config and allocates nothing, so a laptop can estimate the largest
//! model.
//!
//! A [`CostTally`] follows the forward pass of a model. Parameters are exact: a test compares them
//! with the real modules. Only the operations of matrix products count: 2 per multiply-add, for all
//! of a causal attention's products. A training step takes as many as three forward passes
//! [Chowdhery et al. 2022, appendix B]. Memory is the peak on the device: 32-bit weights, gradients
//! and moments, and what each operation keeps for its backward pass. The allocator's reserve is not
//! in it.

mod tally;

pub use tally::CostTally;

use crate::train::{OptimizerKind, TrainConfig};

/// Bytes per value: all values have 32 bits.
const VALUE: u64 = 4;

/// The estimated cost of training one model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Values of the weights, including the few that are not trained (a running mean).
    pub parameters: u64,
    /// Bytes of the weights, the gradients and the optimizer's moments.
    pub model_bytes: u64,
    /// Bytes that a micro-batch needs in addition to the model.
    ///
    /// They are what its forward pass keeps, and the largest gradient of its backward pass.
    pub activation_bytes: u64,
    /// Rows per training step: positions times frames times windows.
    ///
    /// Encoder and decoder can have different numbers of rows; this is the larger one.
    pub rows: u64,
    /// Floating-point operations of a training step, forward and backward.
    pub flops_per_step: f64,
    /// Training steps of the whole run.
    pub steps: u64,
}

impl Estimate {
    /// The cost of a training run, from the tally and the rows of one micro-batch.
    pub(crate) fn of(tally: &CostTally, train: &TrainConfig, rows: usize) -> Self {
        let moments = match train.optimizer {
            OptimizerKind::AdamW => 2 * tally.parameters,
            // One moment for the matrices that Muon updates, two for the rest.
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

    /// Bytes of memory that training needs.
    pub fn bytes(&self) -> u64 {
        self.model_bytes + self.activation_bytes
    }

    /// Floating-point operations of the whole run.
    pub fn flops(&self) -> f64 {
        self.flops_per_step * self.steps as f64
    }

    /// Seconds of the whole run on hardware with a peak of `peak` operations per second.
    ///
    /// `mfu` is the share of the peak that training uses, from 0 to 1.
    pub fn seconds(&self, peak: f64, mfu: f64) -> f64 {
        self.flops() / (peak * mfu)
    }
}
