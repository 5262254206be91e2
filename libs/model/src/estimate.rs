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
    /// Copies are a moving average, and the rounded matrices of a training in bf16. With recompute,
    /// the rounded matrices of blocks are not here: they exist only while their block runs.
    pub model_bytes: u64,
    /// Bytes of `model_bytes` that several devices divide.
    ///
    /// They are gradients and moments, and with `shard_weights` the matrices of blocks.
    pub divided_bytes: u64,
    /// Bytes of the largest block's matrices that each of several devices copies, in f32.
    ///
    /// Copies in bf16 are in `activation_bytes`.
    pub copied_bytes: u64,
    /// Bytes that a micro-batch needs in addition to the model.
    ///
    /// They are what its forward pass keeps, and the largest gradient of its backward pass. With
    /// recompute, they include what one block keeps when it runs again, and the gradients of its
    /// weights. Without it, the gradients of all weights count if they are more.
    pub activation_bytes: u64,
    /// Bytes of the weights that each training step copies to each other device.
    pub sent_per_step: u64,
    /// Bytes of the weights and gradients that a micro-batch moves between devices.
    ///
    /// A device of n moves all but a share of 1/n of them.
    pub sent_per_micro_batch: u64,
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
        let averages = u64::from(train.ema > 0.0);
        let divided = if train.shard_weights { tally.matrices } else { 0 };
        let micro_batches = train.accumulate as f64;
        let factor = tally.factor();
        // Gradients have the precision of their weights until they are added up in f32.
        let gradients = VALUE * tally.parameters - (VALUE - factor) * tally.matrices;
        let gradients_of_all = if train.recompute || train.accumulate == 1 { 0 } else { gradients };
        let copies = if train.shard_weights { factor * tally.matrices } else { 0 };
        Self {
            parameters: tally.parameters,
            model_bytes: VALUE * ((2 + averages) * tally.parameters + moments) + tally.rounded,
            divided_bytes: VALUE * (tally.parameters + moments + (1 + averages) * divided),
            copied_bytes: if train.shard_weights && factor == VALUE { tally.block } else { 0 },
            activation_bytes: (tally.kept + tally.widest).max(tally.again).max(gradients_of_all),
            sent_per_step: VALUE * (tally.parameters - divided),
            // A block's weights are copied for its forward and for its backward pass.
            sent_per_micro_batch: 2 * copies + gradients,
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
    /// They share the micro-batches, and divide gradients and moments in about equal parts. Each
    /// has all weights that are not divided. The moving average of these is on the first device
    /// only.
    pub fn bytes_on(&self, devices: u64) -> u64 {
        if devices == 1 {
            return self.bytes();
        }
        let divided = self.divided_bytes;
        self.bytes() - divided + divided.div_ceil(devices) + self.copied_bytes
    }

    /// Bytes that a training step moves to and from the first of some devices.
    ///
    /// The first device sends weights to all others, gives weights to their owners to be updated,
    /// and takes them back. Each device moves weights and gradients of its micro-batches.
    pub fn moved_on(&self, devices: u64) -> u64 {
        let others = devices - 1;
        let own = self.micro_batches / devices;
        let both_ways = 2 * (self.sent_per_step + self.sent_per_micro_batch * own);
        self.sent_per_step * others + (both_ways * others).div_ceil(devices)
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
