//! The one training loop of tokenizer, LAM and dynamics.
//!
//! Guarantee: a training step depends only on the config, the data and the number of the step,
//! because each step has its own windows and random streams. So a run that was stopped and resumed
//! equals one that was not.
//!
//! | module | contents |
//! |---|---|
//! | `config` | options of a training run |
//! | `task` | what a model implements: initial weights, batches, loss |
//! | `training_loop` | the loop over training steps |
//! | `micro_batches` | gradient accumulation, on one or several devices |
//! | `owners` | which device keeps which weights, gradients and moments |
//! | `transfer` | moving tensors between devices |
//! | `prefetch` | batches that threads read ahead |
//! | `optimizer` | AdamW and Muon, gradient clipping, moving average of the weights |
//! | `checkpoint` | saving in the background, exact resume, loading |
//! | `divergence` | the check that stops a run with an exploding loss |
//! | `metrics` | `metrics.jsonl` and TensorBoard |
//! | `observer`, `timer` | reports to the caller, and the speed in them |
//! | `autodiff_lock`, `random` | one thread at a time in autodiff; random streams |

mod autodiff_lock;
mod checkpoint;
mod config;
mod divergence;
mod metrics;
mod micro_batches;
mod observer;
mod optimizer;
mod owners;
mod prefetch;
mod random;
mod task;
mod timer;
mod training_loop;
mod transfer;

#[cfg(test)]
pub(crate) use autodiff_lock::with_autodiff_lock;
pub(crate) use checkpoint::load_model;
pub use checkpoint::{latest_step, newest_weights};
pub use config::{OptimizerKind, Schedule, TrainConfig};
#[cfg(test)]
pub(crate) use micro_batches::{GradientSums, replica};
pub use observer::{StepReport, TrainingObserver};
pub(crate) use task::{Loss, Task};
pub use timer::Speed;
pub use training_loop::Outcome;
pub(crate) use training_loop::train;
#[cfg(test)]
pub(crate) use transfer::Transfers;

#[cfg(test)]
mod tests;
