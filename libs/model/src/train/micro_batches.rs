//! Gradient accumulation over the micro-batches of a training step, on one or several devices.
//!
//! One device computes the micro-batches in sequence. Several devices share them equally, and
//! compute at the same time: each has a copy of the model and takes a run of consecutive
//! micro-batches. The first device has the model itself and takes the last run. The gradients of a
//! parameter are added up on the device that owns it ([`Owners`]).
//!
//! Guarantee: the number of devices changes only the order of sums.
//!
//! Burn's `distributed` collectives are not used. With them, autodiff does not work on the CPU
//! backend, which lacks them (`docs/log/`).

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::autodiff_lock::with_autodiff_lock;
use super::config::TrainConfig;
use super::owners::Owners;
use super::prefetch::Prefetcher;
use super::random::{StreamKind, stream};
use super::task::{Loss, Task};
use super::timer::{Phase, StepTimer};
use crate::recompute::Tape;
use crate::{ModelError, weights};

/// The result of all micro-batches of a training step.
pub struct Accumulated<B: AutodiffBackend, A> {
    /// The mean gradient.
    pub grads: GradientsParams,
    /// The mean loss.
    pub loss: Tensor<B::InnerBackend, 1>,
    /// Values for the log, of the last micro-batch.
    pub metrics: Vec<(&'static str, Tensor<B::InnerBackend, 1>)>,
    /// [`Loss::aux`] of the last micro-batch.
    pub aux: A,
}

/// Computes all micro-batches of a training step.
///
/// The number of micro-batches is a multiple of the number of devices. The model is on the first
/// device. The gradients are on the owners of their parameters.
///
/// # Errors
/// Errors of reading batches, and failures of devices.
pub fn accumulate<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    model: &T::Model,
    step: usize,
    config: &TrainConfig,
    batches: &Prefetcher<T::Batch>,
    timer: &mut StepTimer<'_>,
    owners: &Owners<B>,
) -> Result<Accumulated<B, T::Aux>, ModelError> {
    let devices = owners.devices();
    let (first, others) = devices.split_first().expect("there is at least one device");
    let (run, begin) = (config.accumulate / devices.len(), step * config.accumulate);
    // Batches are taken in order, so the batches of the other devices come first.
    let mut ahead = begin..begin + config.accumulate;
    let mut next = |timer: &mut StepTimer<'_>| {
        let index = ahead.next().expect("each batch is taken once");
        timer.timed(Phase::Data, || batches.take(index))
    };
    thread::scope(|scope| {
        let mut away = Vec::with_capacity(others.len());
        for (index, device) in others.iter().enumerate() {
            let (send, receive) = sync_channel(run);
            let indices = begin + index * run..begin + (index + 1) * run;
            weights::draw(model);
            let copy = model.clone().fork(device);
            away.push(scope.spawn(move || {
                let mut next = |_: &mut StepTimer<'_>| {
                    receive.recv().map_err(|_| {
                        ModelError::Data("the thread that reads training data ended early".into())
                    })
                };
                // Only the first device is timed.
                let mut timer = StepTimer::new(&|| Ok(()), &|| 0.0);
                let all = in_sequence(task, &copy, indices, config, &mut next, &mut timer, device)?;
                Ok::<_, ModelError>((all.grads, all.loss))
            }));
            for _ in 0..run {
                // A device that has failed does not receive. Its error is returned below.
                let _ = send.send(next(timer)?);
            }
        }
        let indices = begin + others.len() * run..begin + config.accumulate;
        let mut all = in_sequence(task, model, indices, config, &mut next, timer, first)?;
        if away.is_empty() {
            return Ok(all);
        }
        timer.timed(Phase::Backward, || {
            let mut parts = vec![all.grads];
            for device in away {
                let (grads, loss) = device.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                parts.push(grads);
                let here = all.loss.device();
                all.loss = all.loss + loss.to_device(&here);
            }
            all.grads = owners.add_up(model, parts);
            Ok(all)
        })
    })
}

/// Computes the micro-batches `indices` in sequence on one device.
fn in_sequence<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    model: &T::Model,
    indices: Range<usize>,
    config: &TrainConfig,
    next: &mut dyn FnMut(&mut StepTimer<'_>) -> Result<T::Batch, ModelError>,
    timer: &mut StepTimer<'_>,
    device: &B::Device,
) -> Result<Accumulated<B, T::Aux>, ModelError> {
    let mut sum = GradientsAccumulator::new();
    let mut before: Option<Tensor<B::InnerBackend, 1>> = None;
    let mut index = indices.start;
    loop {
        let batch = next(timer)?;
        let mut rng = stream(config.seed, StreamKind::Loss, index);
        let (loss, metrics, aux) = with_autodiff_lock(|| {
            let (Loss { value, metrics, aux }, tape) = timer.timed(Phase::Forward, || {
                let forward =
                    || task.loss(&config.precision.rounded(model), batch, &mut rng, device);
                Ok(Tape::<B>::record(config.recompute, forward))
            })?;
            let share = value / config.accumulate as f64;
            let loss = share.clone().inner();
            timer.timed(Phase::Backward, || {
                tape.backward(&share, |grads| {
                    sum.accumulate(model, GradientsParams::from_grads(grads, model));
                });
                Ok(())
            })?;
            Ok::<_, ModelError>((loss, metrics, aux))
        })?;
        let loss = match before {
            Some(before) => before + loss,
            None => loss,
        };
        index += 1;
        if index == indices.end {
            return Ok(Accumulated { grads: sum.grads(), loss, metrics, aux });
        }
        before = Some(loss);
    }
}
