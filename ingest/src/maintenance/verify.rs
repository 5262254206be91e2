//! `verify`: reading all published files of a dataset root and comparing them with their checksums.
//!
//! `verify` prints one line per problem to stdout and a summary to stderr. It changes nothing and
//! takes no lock, because published files do not change.
//!
//! With `--forget` it removes damaged files from the manifest, and the sources whose clips they
//! contained from the catalog. The next run decodes those sources again.

use std::collections::HashSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipStore, Error, Manifest, check_shard, read_clip_rows, tables};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use crate::catalog::{TABLES, forget, lock};

/// The result of a check.
#[derive(Default)]
struct CheckResult {
    /// One text per problem.
    problems: Vec<String>,
    /// Damaged files of the root's manifest.
    damaged: HashSet<String>,
    /// IDs of the clips in readable shards.
    present: HashSet<String>,
    files: usize,
    bytes: u64,
}

/// Checks a dataset root. With `forget` it also removes damaged files from the dataset.
pub fn run(root: &Utf8Path, forget: bool, stop: &Stop) -> Result<Exit> {
    if !root.exists() {
        tracing::warn!("verify: {root} does not exist, so nothing is checked: see data.root");
    }
    let _lock = forget.then(|| lock(root)).transpose()?;
    let mut found = check(root, stop)?;
    if found.problems.is_empty() {
        found.problems = disagreements(root, &found.present)?;
    }
    for problem in &found.problems {
        println!("{problem}");
    }
    let CheckResult { problems, damaged, present, files, bytes } = found;
    if problems.is_empty() {
        tracing::info!(
            "verify: {files} files with {} clips and {bytes} bytes are undamaged",
            present.len()
        );
        return Ok(Exit::Done);
    }
    tracing::error!("verify: found {} problems in {files} files", problems.len());
    if forget {
        let sources = forget_files(root, &damaged)?;
        tracing::info!(
            "verify: removed {} files and {sources} sources from the dataset; \
             run genie-ingest run to rebuild them",
            damaged.len()
        );
    } else if !damaged.is_empty() {
        tracing::info!(
            "verify: restore the damaged files from a backup; or run genie-ingest verify --forget \
             and then genie-ingest run, which rebuilds their clips from the videos"
        );
    }
    Ok(Exit::Failed(FAILED))
}

fn check(root: &Utf8Path, stop: &Stop) -> Result<CheckResult> {
    let directories = directories(root)?;
    let manifests: Vec<Manifest> =
        directories.iter().map(|dir| Manifest::load(dir)).collect::<Result<_, _>>()?;
    let files = manifests.iter().flat_map(Manifest::entries).count();
    let mut found = CheckResult { files, ..CheckResult::default() };
    let progress = Progress::new("verify", files as u64);
    for (dir, manifest) in directories.iter().zip(&manifests) {
        for (table, entry) in manifest.entries() {
            stop.check()?;
            found.bytes += entry.bytes;
            let errors = if table == tables::CLIPS {
                let (ids, errors) = check_shard(root, entry);
                found.present.extend(ids);
                errors
            } else {
                genie_shards::verify(dir, entry).err().into_iter().collect()
            };
            if !errors.is_empty() && dir == root {
                found.damaged.insert(entry.file.clone());
            }
            found.problems.extend(errors.iter().map(with_cause));
            progress.inc(1);
        }
    }
    progress.finish();
    Ok(found)
}

/// Removes damaged files from the manifest, and the sources of their clips from the catalog.
///
/// If a catalog file is damaged, nothing is known about any source, so everything is removed.
/// Returns the number of removed sources.
fn forget_files(root: &Utf8Path, damaged: &HashSet<String>) -> Result<usize> {
    let catalog_is_damaged = damaged.iter().any(|file| file.starts_with("catalog/"));
    Manifest::commit(root, |manifest| {
        for table in TABLES {
            manifest.retain(table, |entry| !catalog_is_damaged && !damaged.contains(&entry.file));
        }
    })?;
    let present: HashSet<String> =
        ClipStore::open(root, None)?.clips().iter().map(|clip| clip.clip_id.clone()).collect();
    let rows = read_clip_rows(root)?;
    let lost = rows.iter().filter(|row| row.kept && !present.contains(&row.meta.clip_id));
    let sources: HashSet<String> = lost.map(|row| row.meta.source_id.clone()).collect();
    if !sources.is_empty() {
        forget(root, &sources)?;
    }
    Ok(sources.len())
}

/// Finds contradictions between the catalog and the shards.
fn disagreements(root: &Utf8Path, present: &HashSet<String>) -> Result<Vec<String>> {
    let rows = read_clip_rows(root)?;
    let kept: HashSet<&String> =
        rows.iter().filter(|row| row.kept).map(|row| &row.meta.clip_id).collect();
    let lost = kept
        .iter()
        .filter(|id| !present.contains(**id))
        .map(|id| format!("clip {id}: the catalog says that it is kept, but no shard contains it"));
    let stray = present.iter().filter(|id| !kept.contains(id)).map(|id| {
        format!("clip {id}: a shard contains it, but the catalog does not say that it is kept")
    });
    let mut problems: Vec<String> = lost.chain(stray).collect();
    problems.sort();
    Ok(problems)
}

/// The text of an error and its cause.
fn with_cause(error: &Error) -> String {
    let cause =
        std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

/// The directories that may have a manifest: the root, and its directories of tokens and actions.
///
/// The run history lies beside the directories of tokens and actions. It is a file.
fn directories(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut directories = vec![root.to_owned()];
    for parent in ["tokens", "actions"] {
        let Ok(items) = root.join(parent).read_dir_utf8() else { continue };
        for item in items {
            let path = item?.into_path();
            if path.is_dir() {
                directories.push(path);
            }
        }
    }
    directories.sort();
    Ok(directories)
}
