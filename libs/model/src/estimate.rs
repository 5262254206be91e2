//! Estimates of training: parameters, memory and floating-point operations.
//!
//! The estimate needs only the config and allocates nothing, so a laptop can estimate the largest
//! model.
//!
//! A [`CostTally`] follows the forward pass of a model. Parameters are exact: a test compares them
//! with the real modules. Only the operations of matrix products count: 2 per multiply-add, for all
//! of a causal attention's products. A training step takes as many as three forward passes
//! [Chowdhery et al. 2022, appendix B]; with recompute, blocks have one more. Memory is the peak on
//! the device: weights, gradients and moments, and what each operation keeps for its backward pass.
//! The allocator's reserve is not in it. A test compares it with the peak of training on a CPU.

mod tally;

pub use tally::CostTally;
use tally::VALUE;

use crate::train::{OptimizerKind, TrainConfig};

/// The estimated cost of training one model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Values of the weights, including the few that are not trained (a running mean).
    pub parameters: u64,
    /// Bytes of the weights, of their copies, the gradients and the optimizer's moments.
    ///
    /// Copies are a moving average, and the rounded matrices of a training in bf16.
    pub model_bytes: u64,
    /// Bytes of the optimizer's moments, a part of `model_bytes`; several devices share them.
    pub moment_bytes: u64,
    /// Bytes that a micro-batch needs in addition to the model.
    ///
    /// They are what its forward pass keeps, and the largest gradient of its backward pass. With
    /// recompute, they include what one block keeps when it runs again.
    pub activation_bytes: u64,
    /// Number of micro-batches of a training step, which several devices share equally.
    pub micro_batches: u64,
    /// Rows per training step: positions times frames times windows.
    ///
    /// Encoder and decoder can have different numbers of rows; this is the larger one.
    pub rows: u64,
    /// Floating-point operations of a training step, forward and backward, without recompute.
    pub flops_per_step: f64,
    /// Floating-point operations of the blocks that run again in a training step's backward passes.
    pub flops_again_per_step: f64,
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
        let average = if train.ema > 0.0 { tally.parameters } else { 0 };
        let micro_batches = train.accumulate as f64;
        Self {
            parameters: tally.parameters,
            model_bytes: VALUE * (2 * tally.parameters + average + moments) + tally.rounded,
            moment_bytes: VALUE * moments,
            activation_bytes: (tally.kept + tally.widest).max(tally.again),
            micro_batches: train.accumulate as u64,
            rows: (rows * train.accumulate) as u64,
            flops_per_step: 3.0 * tally.flops * micro_batches,
            flops_again_per_step: tally.flops_again * micro_batches,
            steps: train.steps as u64,
        }
    }

    /// Bytes of memory that training needs on one device.
    pub fn bytes(&self) -> u64 {
        self.model_bytes + self.activation_bytes
    }

    /// Bytes of memory that training needs on each of some devices.
    ///
    /// They share the micro-batches, and the moments in about equal parts. Each has all weights and
    /// gradients. The moving average, if there is one, is on the first device only.
    pub fn bytes_on(&self, devices: u64) -> u64 {
        self.bytes() - self.moment_bytes + self.moment_bytes.div_ceil(devices)
    }

    /// Floating-point operations of the whole run, without recompute.
    pub fn flops(&self) -> f64 {
        self.flops_per_step * self.steps as f64
    }

    /// Seconds of the whole run on hardware with a peak of `peak` operations per second.
    ///
    /// `mfu` is the share of the peak that training uses without recompute, from 0 to 1. The
    /// operations of recompute take their time in addition.
    pub fn seconds(&self, peak: f64, mfu: f64) -> f64 {
        (self.flops_per_step + self.flops_again_per_step) * self.steps as f64 / (peak * mfu)
    }
}
