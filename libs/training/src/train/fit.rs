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

struct Bar {
    progress: Progress,
    stop: Stop,
    last: Option<StepReport>,
}

impl TrainingObserver for Bar {
    fn report(&mut self, report: &StepReport) {
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
    if step.is_done() {
        tracing::info!("{label}: up to date");
        return Ok(Fitted::UpToDate);
    }
    step.create()?;
    let _lock = Lock::acquire(step.path().join(".lock"))?;
    step.write_config(config)?;
    let mut bar =
        Bar { progress: Progress::new(label, steps as u64), stop: stop.clone(), last: None };
    if let Some(done) = latest_step(step.path()) {
        tracing::info!("{label}: resuming after step {done} of {steps}");
        bar.progress.set(done as u64);
    }
    match train(step.path(), &mut bar)? {
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
