//! The step loop. A [`Task`] says what a batch and a loss are; the loop does the rest.

use std::thread;

use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use camino::Utf8Path;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::TrainConfig;
use super::average::Average;
use super::checkpoint::{self, Progress, Snapshot, latest_step};
use super::clip::clip_norm;
use super::metrics::MetricsLog;
use super::optimizer::Both;
use super::pace::{Pace, Phase, Speed};
use super::parts::{Parts, parts};
use super::readers::Readers;
use super::saver::Saver;
use crate::estimate::Estimate;
use crate::host::{scalar, wait};
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

    /// The batch of a part of a step, parts being counted from the first step's first on. All that is drawn by chance is drawn from `rng`; which windows
    /// it is of, the part's number says.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn batch(&self, part: usize, rng: &mut ChaCha8Rng) -> Result<Self::Batch, ModelError>;

    /// The loss of a batch.
    fn loss(
        &self,
        model: &Self::Model,
        batch: Self::Batch,
        rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux>;

    /// Values for the log that take waiting for the device: asked for where a step is logged.
    ///
    /// # Errors
    /// If the device has failed.
    fn logged(&self, _aux: &Self::Aux) -> Result<Vec<(&'static str, f32)>, ModelError> {
        Ok(Vec::new())
    }

    /// Changes to the model that no gradient makes (running means, dead codes).
    ///
    /// # Errors
    /// If the device has failed.
    fn after_step(
        &self,
        model: Self::Model,
        _aux: Self::Aux,
        _step: usize,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Self::Model, ModelError> {
        Ok(model)
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
    /// How fast it goes.
    pub speed: Speed,
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

/// The random stream of a step, or of a part of one: `kind` 0 for weights, 1 for batches, 2 for noise in the loss, 3 for what comes after the step.
pub(super) fn stream(seed: u64, kind: u64, step: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(4 * step as u64 + kind);
    rng
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

/// A step's values for the log: those that are still on the device, and the task's others.
fn told<B: Backend>(
    metrics: Vec<(&'static str, Tensor<B, 1>)>,
    others: Vec<(&'static str, f32)>,
) -> Result<Vec<(&'static str, f32)>, ModelError> {
    let metrics = metrics.into_iter().map(|(name, value)| Ok((name, scalar(value)?)));
    metrics.chain(others.into_iter().map(Ok)).collect()
}

/// A loss has exploded when it is more than so many times what it was at first, and one more so many: a loss near 0, or below, may well grow a hundredfold.
const EXPLODED: f32 = 10.0;

/// Trains (on) in directory `run`, on one device or on several that share each step's parts, where `description` is what checkpoints say of the model and `cost` what a step costs.
///
/// # Errors
/// On unreadable data or checkpoints, a failed write, a loss that is no number or has exploded, or devices that do not divide a step's parts.
pub fn train<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    config: &TrainConfig,
    description: &(impl Serialize + DeserializeOwned + Sync),
    cost: &Estimate,
    run: &Utf8Path,
    devices: &[B::Device],
    watch: &mut dyn Watch,
) -> Result<Outcome, ModelError>
where
    <T::Model as AutodiffModule<B>>::InnerModule: ModuleSnapshot<B::InnerBackend>,
{
    let device = devices.first().filter(|_| config.accumulate.is_multiple_of(devices.len())).ok_or_else(|| {
        ModelError::Config(format!(
            "{} devices share the parts of a step: [….train] accumulate = {} must be a multiple of that",
            devices.len(),
            config.accumulate
        ))
    })?;
    std::fs::create_dir_all(run).map_err(ModelError::io(run))?;
    B::seed(device, config.seed);
    let saved = latest_step(run);
    let Progress { mut model, average, mut optimizer } = match saved {
        Some(step) => checkpoint::resume(run, step, task.init(device), Both::new(config), device)?,
        None => Progress {
            model: begin(task, config, description, device)?,
            average: None,
            optimizer: Both::new(config),
        },
    };
    let mut average = (config.ema > 0.0)
        .then(|| Average::new(average.unwrap_or_else(|| model.valid()), config.ema));
    let start = saved.unwrap_or(0);
    let mut log = MetricsLog::open(run, start)?;
    if config.steps == 0 && saved.is_none() {
        let snapshot = Snapshot::of(&model, None, &optimizer, description);
        checkpoint::save::<B, T::Model, _, _>(run, 0, &snapshot, config)?;
    }

    thread::scope(|scope| {
        let ahead = start * config.accumulate..config.steps * config.accumulate;
        let batches = Readers::begin(scope, ahead, |part| {
            task.batch(part, &mut stream(config.seed, 1, part))
        });
        let mut saver = Saver::new(scope);
        let wait = || wait::<B>(device);
        let (mut pace, mut first_loss) = (Pace::new(&wait), None);
        for step in start..config.steps {
            if watch.stop() {
                saver.wait()?;
                if step > start && latest_step(run) != Some(step) {
                    let average = average.map(|average| average.model);
                    let snapshot = Snapshot::of(&model, average, &optimizer, description);
                    checkpoint::save::<B, T::Model, _, _>(run, step, &snapshot, config)?;
                }
                return Ok(Outcome::Stopped(step));
            }
            let done = step + 1;
            let logged = done % config.log_every == 0 || done == config.steps || step == 0;
            pace.begin(logged)?;
            let Parts { grads, loss, metrics, aux } =
                parts(task, &model, step, config, &batches, &mut pace, devices)?;
            let (grads, norm) = pace.timed(Phase::Optimizer, || {
                Ok(clip_norm::<B, _>(&model, grads, config.clip_norm))
            })?;
            let lr = config.lr_at(step);
            pace.step();

            // The one place that waits for the device: not every step.
            if logged {
                let report = StepReport {
                    step: done,
                    steps: config.steps,
                    loss: scalar(loss)?,
                    lr,
                    grad_norm: norm.map_or(Ok(0.0), scalar)?,
                    metrics: told(metrics, task.logged(&aux)?)?,
                    speed: pace.lap(done, config, cost),
                };
                let limit = EXPLODED * (1.0 + first_loss.get_or_insert(report.loss).abs());
                if !report.loss.is_finite() || !report.grad_norm.is_finite() || report.loss > limit
                {
                    saver.wait()?;
                    return Err(ModelError::Diverged { step: done, loss: report.loss });
                }
                log.line(&report)?;
                watch.report(&report);
            }

            model = pace.timed(Phase::Optimizer, || {
                let model = optimizer.step(lr, model, grads);
                let model = task.after_step(model, aux, done, &mut stream(config.seed, 3, step))?;
                if let Some(average) = &mut average {
                    average.update(&model, step);
                }
                Ok(model)
            })?;
            if done % config.checkpoint_every == 0 || done == config.steps {
                let average = average.as_ref().map(|average| average.model.clone());
                let snapshot = Snapshot::of(&model, average, &optimizer, description);
                saver.begin(move || {
                    checkpoint::save::<B, T::Model, _, _>(run, done, &snapshot, config)
                })?;
            }
        }
        saver.wait()?;
        Ok(Outcome::Finished)
    })
}
