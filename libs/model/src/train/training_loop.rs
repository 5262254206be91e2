//! The loop over training steps. A [`Task`] defines the batch and the loss.

use std::sync::Arc;
use std::thread;

use burn::module::AutodiffModule;
use burn::optim::Optimizer;
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use camino::Utf8Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::checkpoint::{self, BackgroundWriter, Snapshot, TrainingState, latest_step};
use super::config::TrainConfig;
use super::divergence::DivergenceCheck;
use super::metrics::MetricsLog;
use super::micro_batches::{Accumulated, Team, TrainingRun, accumulate};
use super::observer::{StepReport, TrainingObserver};
use super::optimizer::{Ema, ModelOptimizer, clip_grad_norm};
use super::owners::Owners;
use super::prefetch::Prefetcher;
use super::random::{StreamKind, stream};
use super::task::Task;
use super::timer::{Phase, StepTimer, clock};
use crate::estimate::Estimate;
use crate::host::{scalar, wait};
use crate::{ModelError, weights};

/// A task's model without autodiff.
type InnerModel<B, T> = <<T as Task<B>>::Model as AutodiffModule<B>>::InnerModule;
/// The state of a task's run.
type StateOf<B, T> = TrainingState<<T as Task<B>>::Model, InnerModel<B, T>>;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All training steps are done, and the last checkpoint is written.
    Finished,
    /// The observer stopped the run, with a checkpoint after this number of training steps.
    Stopped(usize),
}

/// The state of a run, from its checkpoint `saved` or with random or imported weights.
fn initial_state<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    config: &TrainConfig,
    description: &(impl Serialize + DeserializeOwned),
    run: &Utf8Path,
    saved: Option<usize>,
    device: &B::Device,
) -> Result<StateOf<B, T>, ModelError>
where
    InnerModel<B, T>: ModuleSnapshot<B::InnerBackend>,
{
    let mut model = task.init(device);
    if let Some(step) = saved {
        return checkpoint::resume(run, step, model);
    }
    if let Some(path) = config.import() {
        weights::import(path, &mut model, description)?;
    }
    Ok(TrainingState { model, average: None, moments: None, first_loss: None })
}

/// Copies values for the log from the device, and appends the task's other values.
fn log_values<B: Backend>(
    metrics: Vec<(&'static str, Tensor<B, 1>)>,
    others: Vec<(&'static str, f32)>,
) -> Result<Vec<(&'static str, f32)>, ModelError> {
    let metrics = metrics.into_iter().map(|(name, value)| Ok((name, scalar(value)?)));
    metrics.chain(others.into_iter().map(Ok)).collect()
}

/// Trains a model in directory `run`, or resumes from the newest checkpoint there.
///
/// Several devices share the micro-batches of each training step, and what training keeps of each
/// parameter ([`Owners`]). Checkpoints store `description`, to build the model from. `cost` is the
/// cost of a training step, for the reported speed.
///
/// # Errors
/// - The data or a checkpoint cannot be read, or a file cannot be written.
/// - The loss is not finite, or has exploded.
/// - The number of devices does not divide the number of micro-batches.
/// - A device fails.
pub fn train<B: AutodiffBackend, T: Task<B>>(
    task: &T,
    config: &TrainConfig,
    description: &(impl Serialize + DeserializeOwned + Sync),
    cost: &Estimate,
    run: &Utf8Path,
    devices: &[B::Device],
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError>
where
    InnerModel<B, T>: ModuleSnapshot<B::InnerBackend>,
{
    let shared = config.accumulate.is_multiple_of(devices.len());
    let device = devices.first().filter(|_| shared).ok_or_else(|| {
        ModelError::Config(format!(
            "{} devices share the micro-batches of a step, so [….train] accumulate = {} must be a \
             multiple of {}",
            devices.len(),
            config.accumulate,
            devices.len()
        ))
    })?;
    genie_durable::create_dir(run)?;
    B::seed(device, config.seed);
    let saved = latest_step(run);
    let TrainingState { model, average, moments, first_loss } =
        initial_state::<B, T>(task, config, description, run, saved, device)?;
    let owners = Owners::divide(&model, devices, config.shard_weights);
    let mut model = owners.keep(model);
    let average = average.map(|average| owners.keep(average));
    let mut optimizer = ModelOptimizer::resume(config, moments.as_deref(), &owners)?;
    let mut average =
        (config.ema > 0.0).then(|| Ema::new(average.unwrap_or_else(|| model.valid()), config.ema));
    let start = saved.unwrap_or(0);
    let mut log = MetricsLog::open(run, start)?;
    if config.steps == 0 && saved.is_none() {
        let snapshot = Snapshot::of(&model, None, &optimizer, None, description);
        checkpoint::save::<B, T::Model, _, _>(run, 0, &snapshot, config)?;
    }

    thread::scope(|scope| {
        let ahead = start * config.accumulate..config.steps * config.accumulate;
        let batches = Arc::new(Prefetcher::begin(scope, ahead, |index| {
            task.batch(index, &mut stream(config.seed, StreamKind::Batch, index))
        }));
        let all_steps = TrainingRun { task, config, owners: &owners, batches };
        let team = Team::new(scope, &all_steps);
        let mut writer = BackgroundWriter::new(scope);
        let (wait, clock) = (|| wait::<B>(device), clock());
        let mut timer = StepTimer::new(&wait, &clock);
        let mut divergence = DivergenceCheck::new(first_loss);
        for step in start..config.steps {
            if observer.should_stop() {
                writer.wait()?;
                if step > start && latest_step(run) != Some(step) {
                    let average = average.map(|average| average.model);
                    let first_loss = divergence.first_loss();
                    let snapshot =
                        Snapshot::of(&model, average, &optimizer, first_loss, description);
                    checkpoint::save::<B, T::Model, _, _>(run, step, &snapshot, config)?;
                }
                return Ok(Outcome::Stopped(step));
            }
            let done = step + 1;
            let logged = done % config.log_every == 0 || done == config.steps || step == 0;
            timer.begin(logged)?;
            let Accumulated { grads, loss, metrics, aux } =
                accumulate(&all_steps, &team, &model, step, &mut timer)?;
            let (grads, norm) = timer.timed(Phase::Optimizer, || {
                Ok(clip_grad_norm::<B, _>(&model, grads, config.clip_norm))
            })?;
            let lr = config.lr_at(step);
            timer.count_step();

            // Only logged steps wait for the device.
            if logged {
                let report = StepReport {
                    step: done,
                    steps: config.steps,
                    loss: scalar(loss)?,
                    lr,
                    grad_norm: norm.map_or(Ok(0.0), scalar)?,
                    metrics: log_values(metrics, task.logged(&aux)?)?,
                    speed: timer.report(done, config, cost),
                };
                if let Err(diverged) = divergence.check(done, report.loss, report.grad_norm) {
                    writer.wait()?;
                    return Err(diverged);
                }
                log.append(&report)?;
                observer.report(&report);
            }

            // A checkpoint that is still being written shares weights and moments with the model.
            // An update would need memory for both.
            writer.wait()?;
            model = timer.timed(Phase::Optimizer, || {
                let model = owners.keep(optimizer.step(lr, owners.give(model), grads));
                let mut rng = stream(config.seed, StreamKind::AfterStep, step);
                let model = task.after_step(model, aux, done, &mut rng)?;
                if let Some(average) = &mut average {
                    average.update(&model, step);
                }
                Ok(model)
            })?;
            if done % config.checkpoint_every == 0 || done == config.steps {
                let average = average.as_ref().map(|average| average.model.clone());
                let first_loss = divergence.first_loss();
                let snapshot = Snapshot::of(&model, average, &optimizer, first_loss, description);
                writer.begin(move || {
                    checkpoint::save::<B, T::Model, _, _>(run, done, &snapshot, config)
                })?;
            }
        }
        writer.wait()?;
        Ok(Outcome::Finished)
    })
}
