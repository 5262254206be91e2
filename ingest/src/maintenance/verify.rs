//! `verify`: everything that a dataset root has published, read again and compared with what was noted when it was written.
//!
//! stdout gets one line a problem, stderr the sum. It changes nothing, and takes no lock: published files do not change. Only with
//! `--forget` are damaged files taken out of the manifest, with the sources whose clips were in them, so that the next run
//! makes these again.

use std::collections::HashSet;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{ClipStore, Error, Manifest, check_shard, read_clip_rows, tables};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use crate::catalog::{SourceIndex, TABLES, lock};

/// What a check found.
#[derive(Default)]
struct CheckResult {
    /// In words.
    problems: Vec<String>,
    /// Files of the root's manifest that are not as they were written.
    damaged: HashSet<String>,
    /// Clips in shards that can be read.
    present: HashSet<String>,
    files: usize,
    bytes: u64,
}

/// Checks a dataset root; with `forget`, takes out what is damaged.
pub fn run(root: &Utf8Path, forget: bool, stop: &Stop) -> Result<Exit> {
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
            "verify: {files} files with {} clips, {bytes} bytes, are as they were written",
            present.len()
        );
        return Ok(Exit::Done);
    }
    tracing::error!("verify: {} problems in {files} files", problems.len());
    if forget {
        let sources = forget_files(root, &damaged)?;
        tracing::info!(
            "verify: {} files and {sources} sources are forgotten: run genie-ingest run to make them again",
            damaged.len()
        );
    } else if !damaged.is_empty() {
        tracing::info!(
            "restore the damaged files from a copy, or run genie-ingest verify --forget and then genie-ingest run, which makes \
             what was in them again from the videos"
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
            found.problems.extend(errors.iter().map(told));
            progress.inc(1);
        }
    }
    progress.finish();
    Ok(found)
}

/// Takes damaged files out of the manifest, and the sources that had clips in them out of the catalog. Without a sound catalog nothing is
/// known of any source: then everything is forgotten. Returns the number of sources.
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
        SourceIndex::load(root)?.update(root, &sources, &[])?;
    }
    Ok(sources.len())
}

/// Where the catalog and the shards say different things.
fn disagreements(root: &Utf8Path, present: &HashSet<String>) -> Result<Vec<String>> {
    let rows = read_clip_rows(root)?;
    let kept: HashSet<&String> =
        rows.iter().filter(|row| row.kept).map(|row| &row.meta.clip_id).collect();
    let lost = kept
        .iter()
        .filter(|id| !present.contains(**id))
        .map(|id| format!("clip {id}: kept, but in no shard"));
    let stray = present
        .iter()
        .filter(|id| !kept.contains(id))
        .map(|id| format!("clip {id}: in a shard, but not kept"));
    let mut problems: Vec<String> = lost.chain(stray).collect();
    problems.sort();
    Ok(problems)
}

fn told(error: &Error) -> String {
    let cause =
        std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

/// The root, and the directories of tokens and actions below it: whatever may have a manifest.
fn directories(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut directories = vec![root.to_owned()];
    for parent in ["tokens", "actions"] {
        let Ok(items) = root.join(parent).read_dir_utf8() else { continue };
        for item in items {
            directories.push(item?.into_path());
        }
    }
    directories.sort();
    Ok(directories)
}
