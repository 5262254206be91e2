//! `metrics.jsonl`: one machine-readable line a logged step. After a resume, lines beyond the checkpoint are cut, so that no step is there twice.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::StepReport;
use crate::ModelError;

pub struct MetricsLog {
    path: Utf8PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens the log of a run that goes on after `step` steps.
    pub fn open(run: &Utf8Path, step: usize) -> Result<Self, ModelError> {
        let path = run.join("metrics.jsonl");
        let before = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(ModelError::io(path)(error)),
        };
        let kept: String = before
            .split_inclusive('\n')
            .filter(|line| {
                serde_json::from_str::<Value>(line)
                    .is_ok_and(|value| value["step"].as_u64().is_some_and(|s| s <= step as u64))
            })
            .collect();
        fs::write(&path, kept).map_err(ModelError::io(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(ModelError::io(&path))?;
        Ok(Self { path, file })
    }

    pub fn line(&mut self, report: &StepReport) -> Result<(), ModelError> {
        let mut line = json!({
            "step": report.step,
            "loss": report.loss,
            "lr": report.lr,
            "grad_norm": report.grad_norm,
            "seconds_per_step": report.seconds_per_step,
            "data_wait_share": report.data_wait_share,
        });
        for (name, value) in &report.metrics {
            line[*name] = json!(value);
        }
        writeln!(self.file, "{line}").map_err(ModelError::io(&self.path))
    }
}
