//! Decoding on executors: the driver's side.
//!
//! A unit of work is a group of sources, as threads decode it. An executor writes the group's files
//! and returns their entries. The driver commits them, so executors do not compete for the
//! manifest, and a group that two executors decoded is published once.

mod group_runner;
mod group_spec;

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_cluster::{BuildIdentity, ClusterDriver, WorkFolder, WorkUnit};
use genie_shards::SourceRow;
use genie_stage::progress::Progress;
use serde_json::Value;

use super::groups::{group_name, groups};
use super::ingest_run::IngestRun;
use super::report::log_source;
use crate::catalog::GroupCommits;
use crate::decode;
use crate::discover::SourceFile;
pub use group_runner::serve;
use group_spec::{GroupResult, GroupSpec, SourceSpec};

/// The name of the step, in the folder of units of work.
const STEP: &str = "ingest";

/// The build of this program. FFmpeg's version decides about the pictures.
pub fn identity() -> Result<BuildIdentity> {
    BuildIdentity::of_this_program("genie-ingest", &decode::library_versions())
}

/// The files that executors wrote for a driver that has not published them yet.
pub fn files_of_receipts(root: &Utf8Path) -> Result<HashSet<Utf8PathBuf>> {
    let results = WorkFolder::new(root, STEP).results()?;
    let results = results.into_iter().map(group_result).collect::<Result<Vec<_>>>()?;
    let entries = results.iter().flat_map(|result| result.files.entries());
    Ok(entries.map(|entry| root.join(&entry.file)).collect())
}

fn group_result(result: Value) -> Result<GroupResult> {
    serde_json::from_value(result)
        .context("a receipt of another version: remove the folder `work` of the dataset")
}

impl IngestRun<'_> {
    /// Decodes sources on executors, and publishes them. They are sorted by content hash.
    pub(super) fn ingest_on(&self, driver: &ClusterDriver, new: &[SourceFile]) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let root = self.data.root.as_path();
        let mut groups = groups(new);
        // The largest groups first, so that no executor works alone at the end.
        let bytes =
            |group: &[SourceFile]| -> u64 { group.iter().map(|source| source.stamp.bytes).sum() };
        groups.sort_by_key(|group| std::cmp::Reverse(bytes(group)));
        let unit = |group: &&[SourceFile]| -> Result<WorkUnit> {
            let spec = GroupSpec {
                data: self.data.for_other_machines()?,
                config: self.config.clone(),
                directory: group_spec::directory()?,
                sources: group.iter().map(SourceSpec::of).collect(),
            };
            Ok(WorkUnit { name: group_name(group), spec: serde_json::to_value(spec)? })
        };
        let units: Vec<WorkUnit> = groups.iter().map(unit).collect::<Result<_>>()?;
        let by_name: HashMap<String, &[SourceFile]> =
            groups.iter().map(|group| (group_name(group), *group)).collect();
        let ids: HashSet<String> = new.iter().map(|source| source.id.to_string()).collect();
        let commits = GroupCommits::new(root, ids);
        let folder = WorkFolder::new(root, STEP);
        let progress = Progress::new("ingest", new.len() as u64);
        let mut commit = |unit: &WorkUnit, result: Value| -> Result<()> {
            let GroupResult { files, problems } = group_result(result)?;
            for [path, reason, detail] in problems {
                let some = |word: String| (!word.is_empty()).then_some(word);
                let (reason, detail) = (some(reason), some(detail));
                log_source(&SourceRow {
                    source_path: path,
                    reason,
                    detail,
                    ..SourceRow::default()
                });
            }
            let group = by_name[&unit.name];
            progress.inc(group.len() as u64);
            commits.add(files, group)
        };
        let ended = driver.run(&folder, &units, (&progress, self.stop), &mut commit);
        // If the run is stopped, it still publishes the decoded sources.
        commits.finish()?;
        ended?;
        progress.finish();
        folder.remove()
    }
}
