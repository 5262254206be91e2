//! Gradient accumulation over the micro-batches of a training step, on one or several devices.
//!
//! One device computes the micro-batches in sequence. Several devices share them: of n devices,
//! each computes every n-th micro-batch with its replica of the model. A thread queues the work of
//! each device, and the threads take turns ([`Turns`]). The devices compute at the same time. The
//! gradients of a parameter are added up on the device that owns it (`owners`). A gradient goes
//! there as soon as its part of the backward pass is done.
//!
//! Guarantee: if all devices compute the same, the number of devices changes no bit, because sums
//! have the order of the micro-batches.
//!
//! Burn's `distributed` collectives are not used. With them, autodiff does not work on the CPU
//! backend, which lacks them (`docs/log/`).

mod compute;
mod replica;
mod sums;
mod team;
mod turns;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

pub use compute::TrainingRun;
use compute::{Computed, SharedStep, compute};
#[cfg(test)]
pub use replica::replica;
pub use sums::GradientSums;
pub use team::Team;
use turns::Turns;

use super::autodiff_lock::with_autodiff_lock;
use super::task::Task;
use super::timer::StepTimer;
use super::transfer::moved;
use crate::ModelError;

/// The result of all micro-batches of a training step.
pub struct Accumulated<B: AutodiffBackend, A> {
    /// The mean gradient.
    pub grads: GradientsParams,
    /// The mean loss.
    pub loss: Tensor<B::InnerBackend, 1>,
    /// Values for the log, of the last micro-batch.
    pub metrics: Vec<(&'static str, Tensor<B::InnerBackend, 1>)>,
    /// [`Loss::aux`](super::task::Loss::aux) of the last micro-batch.
    pub aux: A,
}

/// Computes all micro-batches of a training step.
///
/// The number of micro-batches is a multiple of the number of devices. The gradients are on the
/// owners of their parameters, the other results on the first device.
///
/// # Errors
/// Errors of reading batches, and failures of devices.
pub fn accumulate<B: AutodiffBackend, T: Task<B>>(
    run: &TrainingRun<'_, B, T>,
    team: &Team<'_, B, T>,
    model: &T::Model,
    step: usize,
    timer: &mut StepTimer<'_>,
) -> Result<Accumulated<B, T::Aux>, ModelError> {
    with_autodiff_lock(|| {
        let devices = run.owners.devices();
        let step = Arc::new(SharedStep {
            first: step * run.config.accumulate,
            turns: Turns::new(devices.len()),
            sums: Mutex::new(GradientSums::new()),
            error: OnceLock::new(),
        });
        team.begin(run, model, &step);
        // The first device computes the last micro-batch.
        let own = compute(run, &step, devices.len() - 1, &devices[0], model, timer);
        let mut losses = team.losses();
        let SharedStep { sums, error, .. } =
            Arc::into_inner(step).expect("all threads are done with the step");
        if let Some(error) = error.into_inner() {
            return Err(error);
        }
        let Computed { losses: own, metrics, aux } = own.expect("no thread has failed");
        losses.push(own);
        let by_micro_batch =
            (0..losses[0].len()).flat_map(|round| losses.iter().map(move |own| &own[round]));
        let loss = by_micro_batch
            .map(|loss| moved(loss.clone(), &devices[0]))
            .reduce(|sum, loss| sum + loss)
            .expect("a training step has a micro-batch");
        let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Accumulated { grads: sums.of_model(model), loss, metrics, aux })
    })
}
