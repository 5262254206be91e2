//! The output of a step, which is a directory of files that are written and read together.
//!
//! Published files are not among these: a commit uploads them, and opening fetches them. Nor are
//! hidden files (locks and drafts) and the parts of an unfinished report.

use std::{fs, io};

use camino::{Utf8Path, Utf8PathBuf};
use genie_durable::{FileLock, LockMode};
use walkdir::WalkDir;

use crate::{
    checkpoints::{Checkpoints, step_of},
    copies::download,
    error::{Error, Result},
    files::unless_missing,
    mounts::{Mounted, find},
};

/// The record of a finished step. It is uploaded and fetched last.
const RECORD: &str = "step.json";
/// A machine's processes fetch one directory one after the other, under the lock of this file.
const LOCK: &str = ".pull.lock";

/// Uploads the files of a step's directory, if it belongs to a store, except the step's record.
///
/// A checkpoint becomes visible whole, after its last file. If another machine stored another
/// checkpoint of the same step before, that one stays. Checkpoints that are older than the newest
/// one here, and that the directory no longer has, are removed from the store.
///
/// # Errors
/// If a file cannot be read or uploaded. Then nothing is removed from the store.
pub fn push(dir: &Utf8Path) -> Result<()> {
    let Some(Mounted { mount, name }) = find(dir) else { return Ok(()) };
    let stored = mount.remote.all_below(&name)?;
    let mut checkpoints = Checkpoints::new(&mount.remote, dir, &name, &stored);
    for below in files_of(dir)? {
        if let Some(step) = step_of(&below) {
            checkpoints.add_local(step, below);
            continue;
        }
        let path = dir.join(&below);
        let Some(found) =
            unless_missing(fs::metadata(&path)).map_err(Error::io(&path, "inspect"))?
        else {
            continue;
        };
        let is_same =
            |(other, bytes): &(String, u64)| other == below.as_str() && *bytes == found.len();
        let is_stored = || stored.iter().any(is_same);
        if below != RECORD && !(never_changes(&below) && is_stored()) {
            mount.remote.upload(&format!("{name}/{below}"), &path)?;
        }
    }
    checkpoints.push()
}

/// Fetches the files of a step's directory that this machine lacks, if they are in a store.
///
/// Of a checkpoint, it fetches all files or none. A file that may change is replaced only if the
/// step is finished, or if the store has a newer checkpoint than this machine.
///
/// # Errors
/// If a file cannot be fetched, or a checkpoint in the store is damaged.
pub fn pull(dir: &Utf8Path) -> Result<()> {
    let Some(Mounted { mount, name }) = find(dir) else { return Ok(()) };
    let mut stored = mount.remote.all_below(&name)?;
    if stored.is_empty() {
        return Ok(());
    }
    let _lock = FileLock::wait(dir.join(LOCK), LockMode::Exclusive)?;
    stored.sort_by_key(|(below, _)| (below == RECORD, below.clone()));
    let is_done = stored.iter().any(|(below, _)| below == RECORD);
    let mut checkpoints = Checkpoints::new(&mount.remote, dir, &name, &stored);
    for below in files_of(dir)? {
        if let Some(step) = step_of(&below) {
            checkpoints.add_local(step, below);
        }
    }
    let replaces = is_done || checkpoints.is_behind();
    checkpoints.pull(&mount, is_done)?;
    for (below, bytes) in stored {
        let below = Utf8PathBuf::from(below);
        if !is_copied(&below) || step_of(&below).is_some() {
            continue;
        }
        let (object, path) = (format!("{name}/{below}"), dir.join(&below));
        let found = unless_missing(fs::metadata(&path)).map_err(Error::io(&path, "inspect"))?;
        if never_changes(&below) {
            if found.is_none_or(|found| found.len() != bytes) {
                download(&mount, &object, &path, bytes, None)?;
            }
        } else if found.is_none() || replaces {
            // Another machine may change it now, so its size may be another one.
            if let Some(content) = mount.remote.get(&object)? {
                genie_durable::write(&path, content)?;
            }
        }
    }
    Ok(())
}

/// The files of a step's directory that are copied with it, relative to the directory.
///
/// A file or folder that is removed meanwhile is left out. Any other problem is an error, because a
/// list that lacks files would remove them from the store.
fn files_of(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(dir).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.io_error().is_some_and(is_missing) => continue,
            Err(error) => {
                return Err(Error::io(dir, "list the directory")(error.into()));
            }
        };
        let Some(path) = Utf8Path::from_path(entry.path()) else { continue };
        let Ok(below) = path.strip_prefix(dir) else { continue };
        if entry.file_type().is_file() && is_copied(below) {
            files.push(below.to_owned());
        }
    }
    Ok(files)
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Whether a file of a step's directory is copied with the directory.
fn is_copied(below: &Utf8Path) -> bool {
    let mut names = below.components().map(|part| part.as_str());
    below.extension() != Some("parquet")
        && !below.as_str().ends_with(".unused")
        && names.all(|name| !name.starts_with('.') && !matches!(name, "manifest" | "parts"))
        && below != "manifest.json"
}

/// Whether a file with this name and the same size has the same content.
fn never_changes(below: &Utf8Path) -> bool {
    !matches!(below.extension(), Some("json" | "jsonl" | "toml" | "html"))
}
