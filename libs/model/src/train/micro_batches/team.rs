//! The threads of all devices but the first.
//!
//! They live as long as the run. Burn has a stream, with memory of its own, for each thread that
//! uses a device.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;

use super::compute::{SharedStep, TrainingRun, compute};
use crate::train::task::Task;
use crate::train::timer::StepTimer;

/// The losses of a thread's micro-batches.
type Losses<B> = Vec<Tensor<<B as AutodiffBackend>::InnerBackend, 1>>;

/// A copy of the model, and the training step to do with it.
type Work<B, T> = (<T as Task<B>>::Model, Arc<SharedStep<B>>);

/// A thread for each device but the first.
pub struct Team<'scope, B: AutodiffBackend, T: Task<B>> {
    threads: Vec<DeviceThread<'scope, B, T>>,
}

/// The thread of a device.
struct DeviceThread<'scope, B: AutodiffBackend, T: Task<B>> {
    work: SyncSender<Work<B, T>>,
    losses: Receiver<Losses<B>>,
    handle: Cell<Option<ScopedJoinHandle<'scope, ()>>>,
}

impl<'scope, B: AutodiffBackend, T: Task<B>> Team<'scope, B, T> {
    /// Starts the threads. They end when the team is dropped.
    pub fn new(scope: &'scope Scope<'scope, '_>, run: &TrainingRun<'scope, B, T>) -> Self
    where
        T: 'scope,
        T::Batch: 'scope,
        T::Model: 'scope,
    {
        let worker = |(thread, device): (usize, &'scope B::Device)| {
            let (work, todo) = sync_channel::<Work<B, T>>(1);
            let (send, losses) = sync_channel(1);
            let run = run.clone();
            let handle = scope.spawn(move || {
                // Only the first device is timed.
                let mut timer = StepTimer::new(&|| Ok(()), &|| 0.0);
                while let Ok((model, step)) = todo.recv() {
                    let share = compute(&run, &step, thread, device, &model, &mut timer);
                    drop((model, step));
                    let losses = share.map(|share| share.losses).unwrap_or_default();
                    if send.send(losses).is_err() {
                        return;
                    }
                }
            });
            DeviceThread { work, losses, handle: Cell::new(Some(handle)) }
        };
        Self { threads: run.owners.devices()[1..].iter().enumerate().map(worker).collect() }
    }

    /// Starts the threads' shares of a training step.
    pub(super) fn begin(
        &self,
        run: &TrainingRun<'_, B, T>,
        model: &T::Model,
        step: &Arc<SharedStep<B>>,
    ) {
        let others = &run.owners.devices()[1..];
        for (thread, (worker, device)) in self.threads.iter().zip(others).enumerate() {
            let copy = run.owners.copy_for(model, device);
            if worker.work.send((copy, Arc::clone(step))).is_err() {
                step.turns.leave(thread);
            }
        }
    }

    /// Waits for the losses of the training step, in the order of the threads.
    ///
    /// A thread that did not finish the step has no losses.
    ///
    /// # Panics
    /// If a thread has panicked.
    pub(super) fn losses(&self) -> Vec<Losses<B>> {
        let wait = |worker: &DeviceThread<'scope, B, T>| {
            worker.losses.recv().unwrap_or_else(|_| worker.panic())
        };
        self.threads.iter().map(wait).collect()
    }
}

impl<B: AutodiffBackend, T: Task<B>> DeviceThread<'_, B, T> {
    /// Continues the panic that has ended the thread.
    fn panic(&self) -> ! {
        match self.handle.take().map(ScopedJoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => unreachable!("the thread of a device ends only with the run"),
        }
    }
}
