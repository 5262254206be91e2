//! The diary of what models made: `root/tokens/runs.jsonl` and `root/actions/runs.jsonl`, one line a run that had something to do, to be charted
//! and watched. Nothing depends on it; losing it loses nothing else.

use std::collections::BTreeMap;
use std::fs::{File, create_dir_all};
use std::io::Write as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_stage::lineage::Lineage;
use serde::{Deserialize, Serialize};

use super::stored::StoredWindow;

const FILE: &str = "runs.jsonl";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunEnd {
    /// All that was outstanding is there.
    Done,
    /// It was asked to stop; the next goes on.
    Stopped,
    /// Some clips could not be read, or something else was in the way: see its messages.
    Failed,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowRun {
    /// "tokens" or "labels".
    pub step: String,
    pub ended: RunEnd,
    /// When it ended, as in `step.json`.
    pub finished: String,
    /// How long it took, with loading the model.
    pub seconds: f64,
    /// Clips and windows that it made.
    pub clips: usize,
    pub windows: usize,
    pub windows_per_second: f64,
    /// Clips that had been done before.
    pub skipped: usize,
    /// Clips that could not be read.
    pub failed: usize,
    /// Key of the tokenizer or latent action model, under its name.
    #[serde(flatten)]
    pub model: BTreeMap<String, String>,
}

impl WindowRun {
    /// A run with the model of this key, which has made nothing yet.
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

    /// The line for people.
    #[must_use]
    pub fn in_words(&self, model: &str) -> String {
        let Self { step, windows, clips, seconds, windows_per_second, skipped, .. } = self;
        let key = self.model.values().next().map_or("", String::as_str);
        format!(
            "{step}: {windows} windows of {clips} clips in {seconds:.1} s ({windows_per_second} windows/s) by {model} {key}; {skipped} clips \
             had theirs"
        )
    }

    /// Notes clips that it made, with their windows, and others that could not be read.
    pub fn add(&mut self, clips: usize, windows: usize, failed: usize) {
        self.clips += clips;
        self.windows += windows;
        self.failed += failed;
    }

    /// Notes when it ended and how fast it was.
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

    /// Adds the line to the diary of `place` under `root`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, root: &Utf8Path, place: &str) -> Result<()> {
        let dir = root.join(place);
        create_dir_all(&dir).with_context(|| format!("cannot create {dir}"))?;
        let path = dir.join(FILE);
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open {path}"))?;
        // One write, so that the lines of two runs at once do not mix.
        let line = serde_json::to_string(self)? + "\n";
        file.write_all(line.as_bytes()).with_context(|| format!("cannot write {path}"))
    }
}
