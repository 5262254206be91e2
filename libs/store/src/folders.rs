//! The output of a step, which is a directory of files that are written and read together.
//!
//! Published files are not among these: a commit uploads them, and opening fetches them. Nor are
//! hidden files (locks and drafts) and the parts of an unfinished report.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
};

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use crate::{
    copies::download,
    error::{Error, Result},
    mounts::{Mounted, find},
};

/// The record of a finished step. It is uploaded and fetched last.
const RECORD: &str = "step.json";

/// Uploads the files of a step's directory, if it belongs to a store, except the step's record.
///
/// Checkpoints that the directory no longer has are removed from the store.
///
/// # Errors
/// If a file cannot be uploaded.
pub fn push(dir: &Utf8Path) -> Result<()> {
    let Some(Mounted { mount, name }) = find(dir) else { return Ok(()) };
    let stored: BTreeMap<String, u64> = mount.remote.all_below(&name)?.into_iter().collect();
    let mut local = HashSet::new();
    for entry in WalkDir::new(dir).sort_by_file_name().into_iter().flatten() {
        let Some(path) = Utf8Path::from_path(entry.path()).filter(|path| path.is_file()) else {
            continue;
        };
        let Ok(below) = path.strip_prefix(dir) else { continue };
        if !is_copied(below) || below == RECORD {
            continue;
        }
        local.insert(below.to_string());
        let bytes = fs::metadata(path).map_err(Error::io(path, "inspect"))?.len();
        if !(never_changes(below) && stored.get(below.as_str()) == Some(&bytes)) {
            mount.remote.upload(&format!("{name}/{below}"), path)?;
        }
    }
    let is_old =
        |below: &&String| is_in_checkpoint(below.as_str().into()) && !local.contains(*below);
    let old: Vec<String> =
        stored.keys().filter(is_old).map(|below| format!("{name}/{below}")).collect();
    mount.remote.delete(&old)
}

/// Fetches the files of a step's directory that this machine lacks, if they are in a store.
///
/// # Errors
/// If a file cannot be fetched.
pub fn pull(dir: &Utf8Path) -> Result<()> {
    let Some(Mounted { mount, name }) = find(dir) else { return Ok(()) };
    let mut stored = mount.remote.all_below(&name)?;
    stored.sort_by_key(|(below, _)| (below == RECORD, below.clone()));
    for (below, bytes) in stored {
        let (below, path) = (Utf8PathBuf::from(&below), dir.join(&below));
        let has = fs::metadata(&path).is_ok_and(|found| found.len() == bytes);
        if is_copied(&below) && !(has && never_changes(&below)) {
            download(&mount, &format!("{name}/{below}"), &path, bytes, None)?;
        }
    }
    Ok(())
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
    let may_change = matches!(below.extension(), Some("json" | "jsonl" | "toml" | "html"));
    is_in_checkpoint(below) || !may_change
}

/// Whether a file belongs to a checkpoint, whose files never change.
fn is_in_checkpoint(below: &Utf8Path) -> bool {
    below.as_str().starts_with("step-")
}
