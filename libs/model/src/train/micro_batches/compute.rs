//! One thread's share of a training step: its micro-batches, in sequence.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::replica::replica;
use super::sums::{GradientSums, send};
use super::turns::Turns;
use crate::ModelError;
use crate::recompute::{BlockEvent, OnEvent, Recompute, Tape};
use crate::train::config::TrainConfig;
use crate::train::owners::Owners;
use crate::train::prefetch::Prefetcher;
use crate::train::random::{StreamKind, stream};
use crate::train::task::{Loss, Task};
use crate::train::timer::{Phase, StepTimer};
use crate::train::transfer::{Transfers, prepare};

/// What all training steps of a run have in common.
pub struct TrainingRun<'a, B: AutodiffBackend, T: Task<B>> {
    pub task: &'a T,
    pub config: &'a TrainConfig,
    pub owners: &'a Owners<B>,
    pub batches: Arc<Prefetcher<T::Batch>>,
}

// A derived `Clone` would require the backend and the task to be `Clone`.
impl<B: AutodiffBackend, T: Task<B>> Clone for TrainingRun<'_, B, T> {
    fn clone(&self) -> Self {
        let Self { task, config, owners, batches } = self;
        Self { task, config, owners, batches: Arc::clone(batches) }
    }
}

/// What the threads of a training step share.
pub struct SharedStep<B: AutodiffBackend> {
    /// The number of the step's first micro-batch.
    pub first: usize,
    pub turns: Turns,
    pub sums: Mutex<GradientSums<B>>,
    /// The first error of a thread; the other threads then stop.
    pub error: OnceLock<ModelError>,
}

/// What one thread has computed in a training step.
pub struct Computed<B: AutodiffBackend, A> {
    /// The losses of its micro-batches, each divided by the number of all micro-batches.
    pub losses: Vec<Tensor<B::InnerBackend, 1>>,
    /// Values for the log, of its last micro-batch.
    pub metrics: Vec<(&'static str, Tensor<B::InnerBackend, 1>)>,
    /// [`Loss::aux`] of its last micro-batch.
    pub aux: A,
}

/// Computes every n-th micro-batch of a training step on a device, as `thread` of n threads.
///
/// Returns nothing if this or another thread fails.
pub fn compute<B: AutodiffBackend, T: Task<B>>(
    run: &TrainingRun<'_, B, T>,
    step: &Arc<SharedStep<B>>,
    thread: usize,
    device: &B::Device,
    model: &T::Model,
    timer: &mut StepTimer<'_>,
) -> Option<Computed<B, T::Aux>> {
    let TrainingRun { task, config, owners, batches } = run;
    let _member = step.turns.begin(thread);
    let transfers = Arc::new(Transfers::new());
    let copies = config.shard_weights && owners.devices().len() > 1;
    let on_event = on_event(step, thread, device, &transfers, copies);
    let mut one = |index| {
        let batch = timer.timed(Phase::Data, || batches.take(index))?;
        let mut rng = stream(config.seed, StreamKind::Loss, index);
        let replica = replica(model, device, config.precision, &transfers);
        if copies {
            // A task may read all weights before the first block runs.
            prepare::<B>(device);
        }
        let (Loss { value, metrics, aux }, tape) = timer.timed(Phase::Forward, || {
            let recompute = config.recompute.then(|| Recompute {
                on_event: Rc::clone(&on_event),
                made_when_read: matches!(replica, Cow::Owned(_)),
            });
            let forward = || task.loss(&replica, batch, &mut rng, device);
            Ok(Tape::<B>::record(recompute, forward))
        })?;
        let share = value / config.accumulate as f64;
        let loss = share.clone().inner();
        timer.timed(Phase::Backward, || {
            tape.backward(&share, &*replica, |grads| {
                let grads = send(grads, owners, &transfers);
                step.turns.pass(thread);
                transfers.finish();
                step.sums.lock().unwrap_or_else(PoisonError::into_inner).add(grads);
            });
            Ok(())
        })?;
        Ok::<_, ModelError>((loss, metrics, aux))
    };
    let (mut losses, mut last) = (Vec::new(), None);
    let indices = step.first + thread..step.first + config.accumulate;
    for index in indices.step_by(owners.devices().len()) {
        if step.error.get().is_some() {
            return None;
        }
        match one(index) {
            Ok((loss, metrics, aux)) => {
                losses.push(loss);
                last = Some((metrics, aux));
            }
            Err(error) => {
                // Only the first error is kept.
                let _ = step.error.set(error);
                return None;
            }
        }
        step.turns.pass(thread);
    }
    let (metrics, aux) = last?;
    Some(Computed { losses, metrics, aux })
}

/// What a thread does between the parts of a recorded forward or backward pass.
///
/// It waits for transfers only after it has passed its turn, so that the devices work at the same
/// time. `copies` says whether weights are copied from other devices.
fn on_event<B: AutodiffBackend>(
    step: &Arc<SharedStep<B>>,
    thread: usize,
    device: &B::Device,
    transfers: &Arc<Transfers<B::InnerBackend>>,
    copies: bool,
) -> OnEvent {
    let (step, device, transfers) = (Arc::clone(step), device.clone(), Arc::clone(transfers));
    Rc::new(move |event| match event {
        BlockEvent::MakeWeights if copies => prepare::<B>(&device),
        BlockEvent::RunBlock if copies => {
            step.turns.pass(thread);
            transfers.finish();
        }
        BlockEvent::MakeWeights | BlockEvent::RunBlock => {}
        BlockEvent::NextBlock => step.turns.pass(thread),
    })
}
