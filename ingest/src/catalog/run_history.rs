//! The diary of a dataset: one line a run that did something, for `stats` to tell how fast ingest is here.
//!
//! `catalog/runs.jsonl` says what no row can, since rows must not depend on how fast a machine was. Losing it loses nothing else.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::source_index::SourceIndex;
use crate::discover::SourceFile;

const FILE: &str = "catalog/runs.jsonl";

/// One run.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// When it ended, in seconds since 1970.
    pub ended: u64,
    /// How long it took.
    pub seconds: f64,
    /// What it decoded: files, their bytes, and their length in seconds.
    pub sources: usize,
    pub bytes: u64,
    pub video_seconds: f64,
}

/// Notes a run that decoded `new`.
pub fn record(
    root: &Utf8Path,
    new: &[SourceFile],
    catalog: &SourceIndex,
    took: Duration,
) -> Result<()> {
    let rows = || new.iter().filter_map(|source| catalog.decided(&source.id));
    let run = RunRecord {
        ended: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        seconds: took.as_secs_f64(),
        sources: new.len(),
        bytes: rows().map(|row| row.bytes).sum(),
        video_seconds: rows().filter_map(|row| row.duration_s).sum(),
    };
    let path = root.join(FILE);
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {path}"))?;
    writeln!(file, "{}", serde_json::to_string(&run)?)
        .with_context(|| format!("cannot write {path}"))
}

/// All runs that are noted. A line that a killed run left half is skipped.
pub fn all(root: &Utf8Path) -> Vec<RunRecord> {
    let text = std::fs::read_to_string(root.join(FILE)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
