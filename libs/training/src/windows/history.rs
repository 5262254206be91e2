//! The run history of `encode` and `label`: `root/tokens/runs.jsonl` and `root/actions/runs.jsonl`.
//!
//! Each run that had something to do adds one line, for charts and monitoring. No program depends
//! on these files: they may be deleted.

use std::collections::BTreeMap;

use anyhow::Result;
use camino::Utf8Path;
use genie_stage::lineage::Lineage;
use serde::{Deserialize, Serialize};

use super::stored::StoredWindow;

const FILE: &str = "runs.jsonl";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunEnd {
    /// All pending windows are published.
    Done,
    /// The run was asked to stop; the next run resumes.
    Stopped,
    /// Some clips could not be read, or the run failed; its messages say why.
    Failed,
}

/// One line: one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowRun {
    /// `tokens` or `labels`.
    pub step: String,
    pub ended: RunEnd,
    /// The time at which the run ended, in the format of `step.json`.
    pub finished: String,
    /// Duration in seconds, including the loading of the model.
    pub seconds: f64,
    /// The number of clips whose windows it published.
    pub clips: usize,
    pub windows: usize,
    pub windows_per_second: f64,
    /// The number of clips that had their windows before.
    pub skipped: usize,
    /// The number of clips that could not be read.
    pub failed: usize,
    /// The key of the model, under the name of its kind: `tokenizer` or `lam`.
    #[serde(flatten)]
    pub model: BTreeMap<String, String>,
}

impl WindowRun {
    /// A run that has published nothing yet, with the model of key `model`.
    #[must_use]
    pub fn begin<W: StoredWindow>(model: &str) -> Self {
        Self {
            step: W::NAME.to_owned(),
            ended: RunEnd::Failed,
            finished: String::new(),
            seconds: 0.0,
            clips: 0,
            windows: 0,
            windows_per_second: 0.0,
            skipped: 0,
            failed: 0,
            model: [(W::KIND.to_owned(), model.to_owned())].into(),
        }
    }

    /// The run as a sentence.
    #[must_use]
    pub fn in_words(&self, model: &str) -> String {
        let Self { step, windows, clips, seconds, windows_per_second, skipped, .. } = self;
        let key = self.model.values().next().map_or("", String::as_str);
        format!(
            "{step}: {windows} windows of {clips} clips in {seconds:.1} s \
             ({windows_per_second} windows/s) by {model} {key}; \
             {skipped} clips had their windows before"
        )
    }

    /// Adds numbers of clips, of their windows, and of clips that could not be read.
    pub fn add(&mut self, clips: usize, windows: usize, failed: usize) {
        self.clips += clips;
        self.windows += windows;
        self.failed += failed;
    }

    /// Sets the end, the time and the speed.
    #[must_use]
    pub fn ended(self, ended: RunEnd, lineage: &Lineage) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "no run makes 2^52 windows")]
        let speed = if lineage.seconds > 0.0 { self.windows as f64 / lineage.seconds } else { 0.0 };
        Self {
            ended,
            finished: lineage.finished.to_string(),
            seconds: lineage.seconds,
            windows_per_second: (speed * 10.0).round() / 10.0,
            ..self
        }
    }

    /// Appends the line to `root/<place>/runs.jsonl`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&self, root: &Utf8Path, place: &str) -> Result<()> {
        let path = root.join(place).join(FILE);
        Ok(genie_store::append(&path, &serde_json::to_string(self)?)?)
    }
}
