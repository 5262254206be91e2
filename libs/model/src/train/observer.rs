//! Reports of a training run to its caller.

use super::timer::Speed;

/// The report of a logged training step.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Number of training steps done.
    pub step: usize,
    /// Number of training steps of the whole run.
    pub steps: usize,
    /// The training loss.
    pub loss: f32,
    /// The learning rate.
    pub lr: f64,
    /// Norm of the whole gradient before clipping.
    pub grad_norm: f32,
    /// The speed since the last report.
    pub speed: Speed,
    /// The task's own values; the key is the name.
    pub metrics: Vec<(&'static str, f32)>,
}

/// The caller's side of a training run: it gets reports and can stop the run.
pub trait TrainingObserver {
    /// Receives the report of a logged training step.
    fn report(&mut self, report: &StepReport);

    /// Whether the run should save a checkpoint and stop; asked before each training step.
    fn should_stop(&mut self) -> bool;
}
