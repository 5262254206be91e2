//! The one training loop of tokenizer, LAM and dynamics: AdamW or Muon, warm-up and schedule, accumulation, global gradient clipping,
//! a moving average of the weights, checkpoints written aside, exact resume.
//!
//! Guarantee: what a step computes depends on the configuration, the data and the step's number only (each step has its own
//! windows and random streams), so a run that was stopped and resumed equals one that was not.

mod alone;
mod average;
mod checkpoint;
mod clip;
mod config;
mod events;
mod metrics;
mod optimizer;
mod pace;
mod parts;
mod readers;
mod saver;
mod step;

#[cfg(test)]
pub(crate) use alone::alone;
pub(crate) use checkpoint::load_model;
pub use checkpoint::{latest_step, newest_weights};
pub use config::{Schedule, TrainConfig};
pub use optimizer::OptimizerKind;
pub use pace::Speed;
pub(crate) use step::{Loss, Task, train};
pub use step::{Outcome, StepReport, Watch};

#[cfg(test)]
mod tests;
