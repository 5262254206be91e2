//! The step loop. A [`Task`] says what a batch and a loss are; the loop does the rest.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use burn::module::AutodiffModule;
use burn::optim::{GradientsParams, Optimizer};
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::clip::clip_norm;
use super::metrics::MetricsLog;
use super::optimizer::Both;
use super::{TrainConfig, checkpoint, latest_step};
use crate::{ModelError, weights};

/// A loss and what is to be said about it.
pub struct Loss<B: AutodiffBackend, A> {
    /// The value to descend, `[1]`.
    pub value: Tensor<B, 1>,
    /// Named values for the log, each `[1]`.
    pub metrics: Vec<(&'static str, Tensor<B::InnerBackend, 1>)>,
    /// What [`Task::after_step`] wants to see of this step.
    pub aux: A,
}

/// A model's training task.
pub trait Task<B: AutodiffBackend>: Sync {
    /// The model.
    type Model: AutodiffModule<B> + ModuleSnapshot<B>;
    /// A batch, made on another thread.
    type Batch: Send;
    /// What a step leaves for [`Task::after_step`].
    type Aux;

    /// A fresh model.
    fn init(&self, device: &B::Device) -> Self::Model;

    /// A batch.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn batch(&self, rng: &mut ChaCha8Rng) -> Result<Self::Batch, ModelError>;

    /// The loss of a batch.
    fn loss(
        &self,
        model: &Self::Model,
        batch: Self::Batch,
        rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux>;

    /// Changes to the model that no gradient makes (running means, dead codes).
    fn after_step(&self, model: Self::Model, _aux: Self::Aux, _step: usize, _rng: &mut ChaCha8Rng) -> Self::Model {
        model
    }
}

/// A logged step.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// The training loss.
    pub loss: f32,
    /// The learning rate.
    pub lr: f64,
    /// Norm of the whole gradient before clipping.
    pub grad_norm: f32,
    /// Mean time a step since the last report.
    pub seconds_per_step: f64,
    /// Share of that time spent waiting for data.
    pub data_wait_share: f64,
    /// The task's own values.
    pub metrics: Vec<(&'static str, f32)>,
}

/// Who watches a run: told of logged steps, asked before each step whether to stop.
pub trait Watch {
    /// A step was logged.
    fn report(&mut self, report: &StepReport);

    /// Whether to write a checkpoint and stop.
    fn stop(&mut self) -> bool;
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done and the last checkpoint is written.
    Finished,
    /// Stopped on request, with a checkpoint after this many steps.
    Stopped(usize),
}

/// The random stream of a step: `kind` 0 for weights, 1 for batches, 2 for noise in the loss, 3 for what comes after the step.
fn stream(seed: u64, kind: u64, step: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(4 * step as u64 + kind);
    rng
}

fn scalar<B: burn::tensor::backend::Backend>(value: Tensor<B, 1>) -> f32 {
    value.into_data().iter::<f32>().next().unwrap_or(f32::NAN)
}

/// The model before the first step: fresh, or as imported.
fn begin<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    config: &TrainConfig,
    description: &(impl Serialize + DeserializeOwned),
    device: &B::Device,
) -> Result<T::Model, ModelError> {
    let mut model = task.init(device);
    if let Some(path) = config.import() {
        weights::import(path, &mut model, description)?;
    }
    Ok(model)
}

/// Trains (on) in directory `run`, where `model` is the description that checkpoints carry.
///
/// # Errors
/// On unreadable data or checkpoints, a failed write, or a loss that is no number.
pub fn train<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    config: &TrainConfig,
    model: &(impl Serialize + DeserializeOwned),
    run: &Utf8Path,
    device: &B::Device,
    watch: &mut dyn Watch,
) -> Result<Outcome, ModelError> {
    let description = model;
    std::fs::create_dir_all(run).map_err(ModelError::io(run))?;
    B::seed(device, config.seed);
    let saved = latest_step(run);
    let (mut model, mut optimizer) = match saved {
        Some(step) => checkpoint::resume(run, step, task.init(device), Both::new(config), device)?,
        None => (begin(task, config, description, device)?, Both::new(config)),
    };
    let start = saved.unwrap_or(0);
    let mut log = MetricsLog::open(run, start)?;
    if config.steps == 0 && saved.is_none() {
        checkpoint::save(run, 0, &model, &optimizer, description, config.keep)?;
    }

    thread::scope(|scope| {
        let (send, batches) = sync_channel(2);
        scope.spawn(move || {
            for step in start..config.steps {
                let batch = task.batch(&mut stream(config.seed, 1, step));
                let failed = batch.is_err();
                if send.send(batch).is_err() || failed {
                    return;
                }
            }
        });

        let (mut since, mut waited, mut counted) = (Instant::now(), 0.0, 0);
        for step in start..config.steps {
            if watch.stop() {
                if step > start {
                    checkpoint::save(run, step, &model, &optimizer, description, config.keep)?;
                }
                return Ok(Outcome::Stopped(step));
            }
            let asked = Instant::now();
            let batch =
                batches.recv().map_err(|_| ModelError::Data("the reader of training data ended early".into()))??;
            waited += asked.elapsed().as_secs_f64();

            let Loss { value: loss, metrics, aux } =
                task.loss(&model, batch, &mut stream(config.seed, 2, step), device);
            let grads = GradientsParams::from_grads(loss.backward(), &model);
            let (grads, norm) = clip_norm::<B, _>(&model, grads, config.clip_norm);
            let lr = config.lr_at(step);
            let done = step + 1;
            counted += 1;

            // The one place that waits for the device: not every step.
            if done % config.log_every == 0 || done == config.steps || step == 0 {
                let report = StepReport {
                    step: done,
                    steps: config.steps,
                    loss: scalar(loss.inner()),
                    lr,
                    grad_norm: norm.map_or(0.0, scalar),
                    seconds_per_step: since.elapsed().as_secs_f64() / f64::from(counted),
                    data_wait_share: waited / since.elapsed().as_secs_f64(),
                    metrics: metrics.into_iter().map(|(name, value)| (name, scalar(value))).collect(),
                };
                if !report.loss.is_finite() || !report.grad_norm.is_finite() {
                    return Err(ModelError::Diverged { step: done, loss: report.loss });
                }
                log.line(&report)?;
                watch.report(&report);
                (since, waited, counted) = (Instant::now(), 0.0, 0);
            }

            model = optimizer.step(lr, model, grads);
            model = task.after_step(model, aux, done, &mut stream(config.seed, 3, step));
            if done % config.checkpoint_every == 0 || done == config.steps {
                checkpoint::save(run, done, &model, &optimizer, description, config.keep)?;
            }
        }
        Ok(Outcome::Finished)
    })
}
