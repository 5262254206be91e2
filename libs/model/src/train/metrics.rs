//! `metrics.jsonl`: one line of JSON per logged training step, and the same as TensorBoard events.
//!
//! A resumed run removes the lines after its checkpoint, so that no step is in the log twice.

mod tensorboard;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use self::tensorboard::EventFile;
use super::observer::StepReport;
use crate::ModelError;

/// The log of a run.
pub struct MetricsLog {
    path: Utf8PathBuf,
    file: File,
    events: EventFile,
}

impl MetricsLog {
    /// Opens the log of a run that has done `step` training steps.
    pub fn open(run: &Utf8Path, step: usize) -> Result<Self, ModelError> {
        let path = run.join("metrics.jsonl");
        let before = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ModelError::io("read", path)(error)),
        };
        let parsed = |line: &str| serde_json::from_str::<Value>(line).ok();
        let old =
            |value: &Value| value["step"].as_u64().is_some_and(|logged| logged <= step as u64);
        // A kill can leave a part of a line.
        let kept: Vec<(&str, Value)> = before
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .filter_map(|line| Some((line, parsed(line).filter(old)?)))
            .collect();
        let text: String = kept.iter().map(|(line, _)| *line).collect();
        if text != before {
            // Whole or not at all: a kill must not lose the lines of all earlier steps.
            genie_durable::write(&path, &text)?;
        }
        let mut events =
            EventFile::create(run, kept.first().map_or_else(now, |(_, value)| seconds(value)))?;
        for (_, value) in &kept {
            write_event(&mut events, value)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(ModelError::io("open", &path))?;
        Ok(Self { path, file, events })
    }

    /// Appends the report of a logged training step.
    pub fn append(&mut self, report: &StepReport) -> Result<(), ModelError> {
        let mut line = json!({
            "step": report.step,
            "time": now(),
            "loss": report.loss,
            "lr": report.lr,
            "grad_norm": report.grad_norm,
            "seconds_per_step": report.speed.seconds_per_step,
            "data_wait_share": report.speed.data_wait_share,
            "forward_share": report.speed.forward_share,
            "backward_share": report.speed.backward_share,
            "optimizer_share": report.speed.optimizer_share,
            "tokens_per_second": report.speed.tokens_per_second,
            "tflops": report.speed.tflops,
            "eta_seconds": report.speed.eta_seconds,
        });
        if let Some(mfu) = report.speed.mfu {
            line["mfu"] = json!(mfu);
        }
        for (name, value) in &report.metrics {
            line[*name] = json!(value);
        }
        writeln!(self.file, "{line}").map_err(ModelError::io("write", &self.path))?;
        write_event(&mut self.events, &line)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The time of a line, in seconds since 1970.
fn seconds(line: &Value) -> f64 {
    line["time"].as_f64().unwrap_or_default()
}

/// Writes the numbers of a line as an event.
fn write_event(events: &mut EventFile, line: &Value) -> Result<(), ModelError> {
    let numbers = line
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !["step", "time"].contains(&name.as_str()));
    let values: Vec<(&str, f32)> =
        numbers.filter_map(|(name, value)| Some((name.as_str(), value.as_f64()? as f32))).collect();
    events.scalars(seconds(line), line["step"].as_u64().unwrap_or_default(), &values)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// Catches: the log is rewritten in place, so that a kill loses it; lines after the checkpoint
    /// or half of a line stay; a log that is right is written again.
    #[test]
    fn a_resumed_log_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let run = Utf8Path::from_path(dir.path()).unwrap();
        let path = run.join("metrics.jsonl");
        let inode = || fs::metadata(&path).unwrap().ino();
        let line = |step: u32| format!("{{\"step\":{step},\"time\":1.0,\"loss\":0.5}}\n");
        let cut = line(2).trim_end().to_owned();
        fs::write(&path, line(1) + &line(2) + &line(3) + &cut).unwrap();
        let before = File::open(&path).unwrap();
        MetricsLog::open(run, 2).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), line(1) + &line(2));
        let unchanged = inode();
        assert_ne!(before.metadata().unwrap().ino(), unchanged, "the old file is not touched");
        MetricsLog::open(run, 2).unwrap();
        assert_eq!(inode(), unchanged);
        assert!(fs::read_dir(run).unwrap().count() <= 3, "no temporary file stays");
    }
}
