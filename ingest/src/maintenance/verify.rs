//! `verify`: reading all published files of a dataset root and comparing them with their checksums.
//!
//! `verify` prints one line per problem to stdout and a summary to stderr. It changes nothing and
//! takes no lock, because published files do not change.
//!
//! With `--forget` it removes damaged files from the manifest, and the sources whose clips or rows
//! they contained from the dataset. The next run decodes those sources again.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use genie_catalog::one_line;
use genie_shards::{Entry, Error, Manifest, MisplacedClip, check_shard, misplaced_clips, tables};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use crate::catalog::{forget_files, label_dir, lock, quality_dir};

/// The result of a check.
#[derive(Default)]
struct CheckResult {
    /// Number of problems.
    problems: usize,
    /// Damaged files of the root's manifest.
    damaged: HashSet<String>,
    /// Number of damaged files of labels.
    damaged_labels: usize,
    /// Number of damaged files of qualities.
    damaged_quality: usize,
    files: usize,
    /// Number of clips in readable shards.
    clips: usize,
    bytes: u64,
}

impl CheckResult {
    fn report(&mut self, problem: &str) {
        println!("{}", one_line(problem));
        self.problems += 1;
    }
}

/// A file to check, and the directory whose manifest names it.
struct NamedFile {
    dir: Utf8PathBuf,
    table: String,
    entry: Entry,
}

/// Checks a dataset root. With `forget` it also removes damaged files from the dataset.
///
/// `sample` is the number of files to check. With it, catalog and shards are not compared.
pub fn run(root: &Utf8Path, forget: bool, sample: Option<usize>, stop: &Stop) -> Result<Exit> {
    if !root.exists() {
        tracing::warn!("verify: {root} does not exist, so nothing is checked: see data.root");
    }
    let _lock = forget.then(|| lock(root)).transpose()?;
    let mut files = named_files(root)?;
    let of = files.len();
    if let Some(count) = sample {
        files = sampled(files, count);
    }
    let mut found = check(root, files, stop)?;
    if found.problems == 0 && sample.is_none() {
        misplaced_clips(root, &Manifest::load(root)?, |MisplacedClip { clip_id, source_id }| {
            let problem = match source_id {
                Some(_) => "the catalog says that it is kept, but no shard contains it",
                None => "a shard contains it, but the catalog does not say that it is kept",
            };
            found.report(&format!("clip {clip_id}: {problem}"));
        })?;
    }
    let CheckResult { problems, damaged, files, clips, bytes, .. } = found;
    let checked = if files < of { format!("{files} of {of}") } else { files.to_string() };
    if problems == 0 {
        tracing::info!(
            "verify: {checked} files with {clips} clips and {bytes} bytes are undamaged"
        );
        return Ok(Exit::Done);
    }
    tracing::error!("verify: found {problems} problems in {checked} files");
    if forget {
        let sources = forget_files(root, &damaged)?;
        tracing::info!(
            "verify: removed {} damaged files and {sources} rows of sources from the dataset; \
             run genie-ingest run to rebuild them",
            damaged.len()
        );
    } else if !damaged.is_empty() {
        tracing::info!(
            "verify: restore the damaged files from a backup; or run genie-ingest verify --forget \
             and then genie-ingest run, which rebuilds their clips from the videos"
        );
    }
    let (labels, quality) = (found.damaged_labels, found.damaged_quality);
    if labels > 0 {
        tracing::info!(
            "verify: labels cannot be computed again: restore {labels} files of {} from a backup",
            label_dir(root)
        );
    }
    if quality > 0 {
        tracing::info!(
            "verify: restore {quality} files of {} from a backup, or delete their directory and \
             run `genie-train quality score` again",
            quality_dir(root)
        );
    }
    Ok(Exit::Failed(FAILED))
}

/// All published files of the root, and of its labels, qualities, tokens and actions.
fn named_files(root: &Utf8Path) -> Result<Vec<NamedFile>> {
    let mut files = Vec::new();
    for dir in directories(root)? {
        let manifest = Manifest::load(&dir)?;
        files.extend(manifest.entries().map(|(table, entry)| NamedFile {
            dir: dir.clone(),
            table: table.to_owned(),
            entry: entry.clone(),
        }));
    }
    Ok(files)
}

/// Chooses some of the files. Another run chooses others.
fn sampled(mut files: Vec<NamedFile>, count: usize) -> Vec<NamedFile> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    files.sort_by_cached_key(|file| {
        *blake3::hash(format!("{now} {}/{}", file.dir, file.entry.file).as_bytes()).as_bytes()
    });
    files.truncate(count);
    files
}

/// Checks files one at a time, and prints their problems.
fn check(root: &Utf8Path, files: Vec<NamedFile>, stop: &Stop) -> Result<CheckResult> {
    let mut found = CheckResult { files: files.len(), ..CheckResult::default() };
    let progress = Progress::new("verify", files.len() as u64);
    for NamedFile { dir, table, entry } in files {
        stop.check()?;
        found.bytes += entry.bytes;
        let errors = if table == tables::CLIPS {
            let (ids, errors) = check_shard(root, &entry);
            found.clips += ids.len();
            errors
        } else {
            genie_shards::verify(&dir, &entry).err().into_iter().collect()
        };
        for error in &errors {
            found.report(&with_cause(error));
        }
        if !errors.is_empty() && dir == root {
            found.damaged.insert(entry.file);
        } else if !errors.is_empty() && table == tables::LABELS {
            found.damaged_labels += 1;
        } else if !errors.is_empty() && table == tables::QUALITY {
            found.damaged_quality += 1;
        }
        progress.inc(1);
    }
    progress.finish();
    Ok(found)
}

/// The text of an error and its cause.
fn with_cause(error: &Error) -> String {
    let cause =
        std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

/// The directories that may have a manifest: the root, its labels, and those of models' outputs.
///
/// The run history lies beside the directories of tokens and actions. It is a file.
fn directories(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut directories = vec![root.to_owned(), label_dir(root)];
    for parent in [root.join("tokens"), root.join("actions"), quality_dir(root)] {
        directories.extend(genie_store::list(&parent)?.directories);
    }
    directories.sort();
    Ok(directories)
}
