//! Trains a model as a step: lock, progress bar, stop, record.

use anyhow::Result;
use camino::Utf8Path;
use genie_model::{Outcome, StepReport, TrainingObserver, latest_step};
use genie_stage::config::Resolved;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::step::StepDir;
use genie_stage::stop::Stop;
use serde_json::json;

use super::upload::CheckpointUploads;

/// How a training step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitted {
    /// The step was done before.
    UpToDate,
    /// The step is done now.
    Done,
    /// The step was stopped with this exit code, after writing a checkpoint.
    Stopped(u8),
}

struct Bar<'a> {
    progress: Progress,
    stop: Stop,
    last: Option<StepReport>,
    step: &'a StepDir,
    /// If the dataset is in a store, another machine can resume from there.
    uploads: CheckpointUploads,
}

impl TrainingObserver for Bar<'_> {
    fn report(&mut self, report: &StepReport) {
        self.uploads.begin(latest_step(self.step.path()));
        let metrics = report.metrics.iter().map(|(name, value)| format!(" {name} {value:.3}"));
        let message = format!("loss {:.4}{}", report.loss, metrics.collect::<String>());
        self.progress.set_message(message);
        self.progress.set(report.step as u64);
        self.last = Some(report.clone());
    }

    fn should_stop(&mut self) -> bool {
        self.stop.requested()
    }
}

/// Runs `train` in the directory of `step`, if the step is not done.
///
/// `label` is the name on the progress bar, `steps` the number of training steps.
///
/// # Errors
/// When `train` fails, another run is running the step, or the record cannot be written.
pub fn fit(
    step: &StepDir,
    config: &Resolved,
    label: &str,
    steps: usize,
    train: impl FnOnce(&Utf8Path, &mut dyn TrainingObserver) -> Result<Outcome>,
) -> Result<Fitted> {
    fit_until(&Stop::install(), step, config, label, steps, train)
}

/// Does the same as [`fit`], until `stop` is requested.
///
/// # Errors
/// As [`fit`].
pub fn fit_until(
    stop: &Stop,
    step: &StepDir,
    config: &Resolved,
    label: &str,
    steps: usize,
    train: impl FnOnce(&Utf8Path, &mut dyn TrainingObserver) -> Result<Outcome>,
) -> Result<Fitted> {
    if step.is_done()? {
        tracing::info!("{label}: up to date");
        return Ok(Fitted::UpToDate);
    }
    step.create()?;
    let _lock = Lock::acquire(step.path().join(".lock"))?;
    step.write_config(config)?;
    let newest = latest_step(step.fetched()?);
    let progress = Progress::new(label, steps as u64);
    let uploads = CheckpointUploads::new(step, newest);
    let mut bar = Bar { progress, stop: stop.clone(), last: None, step, uploads };
    if let Some(done) = newest {
        tracing::info!("{label}: resuming after step {done} of {steps}");
        bar.progress.set(done as u64);
    }
    let outcome = train(step.path(), &mut bar);
    bar.uploads.wait();
    match outcome? {
        Outcome::Finished => {
            bar.progress.finish();
            let summary = bar.last.map_or_else(
                || json!({ "steps": steps }),
                |last| {
                    let mut summary = json!({ "steps": last.step, "loss": last.loss });
                    for (name, value) in &last.metrics {
                        summary[*name] = json!(value);
                    }
                    summary
                },
            );
            step.finish(summary)?;
            Ok(Fitted::Done)
        }
        Outcome::Stopped(done) => {
            // The checkpoint is on this machine, which resumes from it without the store.
            if let Err(error) = step.upload() {
                tracing::warn!("cannot upload the last checkpoint: {error}");
            }
            tracing::info!(
                "{label}: stopped after step {done} of {steps}; run the same command to resume"
            );
            Ok(Fitted::Stopped(stop.exit_code()))
        }
    }
}

impl From<Fitted> for genie_stage::Exit {
    fn from(fitted: Fitted) -> Self {
        match fitted {
            Fitted::UpToDate | Fitted::Done => Self::Done,
            Fitted::Stopped(code) => Self::Stopped(code),
        }
    }
}
