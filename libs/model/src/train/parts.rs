//! The parts of a step: one after the other on one device, and a share of them on each of several at once.
//!
//! Guarantee: which device computes a part changes nothing but the order of sums. Each device takes an equal run of consecutive parts through a copy of
//! the model; the first, which has the model itself and takes the last run, adds up all gradients. Burn's `distributed` collectives are not used:
//! with them autodiff is not to be had on the CPU backend, which lacks them (LOG.md).

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::thread;

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::TrainConfig;
use super::alone::alone;
use super::pace::{Pace, Phase};
use super::readers::Readers;
use super::step::{Loss, Task, stream};
use crate::{ModelError, weights};

/// What a step's parts come to.
pub struct Parts<B: AutodiffBackend, A> {
    /// The mean gradient.
    pub grads: GradientsParams,
    /// The mean loss.
    pub loss: Tensor<B::InnerBackend, 1>,
    /// The last part's values for the log.
    pub metrics: Vec<(&'static str, Tensor<B::InnerBackend, 1>)>,
    /// What the last part leaves.
    pub aux: A,
}

/// Takes the parts of a step through the model. `devices` is not empty and divides the parts; the model is on the first.
///
/// # Errors
/// Those of the batches.
pub fn parts<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    model: &T::Model,
    step: usize,
    config: &TrainConfig,
    batches: &Readers<T::Batch>,
    pace: &mut Pace<'_>,
    devices: &[B::Device],
) -> Result<Parts<B, T::Aux>, ModelError> {
    let (first, others) = devices.split_first().expect("something computes");
    let (run, begin) = (config.accumulate / devices.len(), step * config.accumulate);
    // They are taken in order: those of the other devices first.
    let mut ahead = begin..begin + config.accumulate;
    let mut next = |pace: &mut Pace<'_>| {
        let part = ahead.next().expect("each part is taken once");
        pace.timed(Phase::Data, || batches.take(part))
    };
    thread::scope(|scope| {
        let mut away = Vec::with_capacity(others.len());
        for (index, device) in others.iter().enumerate() {
            let (send, given) = sync_channel(run);
            let parts = begin + index * run..begin + (index + 1) * run;
            weights::draw(model);
            let copy = model.clone().fork(device);
            away.push(scope.spawn(move || {
                let mut next = |_: &mut Pace<'_>| {
                    given.recv().map_err(|_| {
                        ModelError::Data("the reader of training data ended early".into())
                    })
                };
                let parts = in_turn(
                    task,
                    &copy,
                    parts,
                    config,
                    &mut next,
                    &mut Pace::new(&|| Ok(())),
                    device,
                )?;
                Ok((parts.grads, parts.loss))
            }));
            for _ in 0..run {
                // To a device that has failed nothing can be sent: what it failed of is told below.
                let _ = send.send(next(pace)?);
            }
        }
        let parts = begin + others.len() * run..begin + config.accumulate;
        let mut all = in_turn(task, model, parts, config, &mut next, pace, first)?;
        if away.is_empty() {
            return Ok(all);
        }
        pace.timed(Phase::Backward, || {
            let mut sum = GradientsAccumulator::new();
            sum.accumulate(model, all.grads);
            for device in away {
                let (grads, loss) = device.join().unwrap_or_else(|panic| resume_unwind(panic))?;
                sum.accumulate(model, grads.to_device(first, model));
                let here = all.loss.device();
                all.loss = all.loss + loss.to_device(&here);
            }
            all.grads = sum.grads();
            Ok(all)
        })
    })
}

/// Takes a run of parts through the model, one after the other.
fn in_turn<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    model: &T::Model,
    run: Range<usize>,
    config: &TrainConfig,
    next: &mut dyn FnMut(&mut Pace<'_>) -> Result<T::Batch, ModelError>,
    pace: &mut Pace<'_>,
    device: &B::Device,
) -> Result<Parts<B, T::Aux>, ModelError> {
    let mut sum = GradientsAccumulator::new();
    let mut before: Option<Tensor<B::InnerBackend, 1>> = None;
    let mut part = run.start;
    loop {
        let batch = next(pace)?;
        let mut rng = stream(config.seed, 2, part);
        let (loss, metrics, aux) = alone(|| {
            let Loss { value, metrics, aux } = pace.timed(Phase::Forward, || {
                Ok(task.loss(&config.precision.rounded(model), batch, &mut rng, device))
            })?;
            let share = value / config.accumulate as f64;
            let loss = share.clone().inner();
            pace.timed(Phase::Backward, || {
                sum.accumulate(model, GradientsParams::from_grads(share.backward(), model));
                Ok(())
            })?;
            Ok::<_, ModelError>((loss, metrics, aux))
        })?;
        let loss = match before {
            Some(before) => before + loss,
            None => loss,
        };
        part += 1;
        if part == run.end {
            return Ok(Parts { grads: sum.grads(), loss, metrics, aux });
        }
        before = Some(loss);
    }
}
