//! The run history of a dataset: one line for each run that changed something.
//!
//! `stats` computes the speed of ingest from it. The file `catalog/runs.jsonl` contains times,
//! which catalog rows must not contain, because rows do not depend on the speed of a machine.
//! Nothing else depends on the file.

use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::SourceRow;
use serde::{Deserialize, Serialize};

use super::row_kinds::is_decided;
use super::source_index::find_sources;
use crate::discover::SourceFile;

const FILE: &str = "catalog/runs.jsonl";

/// One run.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// End of the run, in seconds since 1970.
    pub ended: u64,
    /// Duration of the run, in seconds.
    pub seconds: f64,
    /// Number of decoded files.
    pub sources: usize,
    /// Size of the decoded files.
    pub bytes: u64,
    /// Length of the decoded videos, in seconds.
    pub video_seconds: f64,
}

/// Appends a run that decoded the sources `new`.
pub fn record(root: &Utf8Path, new: &[&SourceFile], took: Duration) -> Result<()> {
    let ids: HashSet<&str> = new.iter().map(|source| &*source.id).collect();
    let is_new = |row: &SourceRow| is_decided(row) && ids.contains(row.source_id.as_str());
    let rows = find_sources(root, is_new)?;
    let run = RunRecord {
        ended: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        seconds: took.as_secs_f64(),
        sources: new.len(),
        bytes: rows.iter().map(|row| row.bytes).sum(),
        video_seconds: rows.iter().filter_map(|row| row.duration_s).sum(),
    };
    Ok(genie_store::append(&root.join(FILE), &serde_json::to_string(&run)?)?)
}

/// All recorded runs. Skips a line that a killed run did not finish.
pub fn all(root: &Utf8Path) -> Vec<RunRecord> {
    let text = genie_store::read(&root.join(FILE)).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
