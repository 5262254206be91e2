//! Removes files and directories that no manifest names.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};

/// Result of [`collect`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Files and directories that were removed, or that a dry run would remove.
    pub files: Vec<Utf8PathBuf>,
    /// Total size of these.
    pub bytes: u64,
    /// Number of those that are too young to be removed.
    pub young: usize,
}

/// Removes the files and directories that are older than `age`; with `dry_run`, only reports them.
///
/// Young files stay, because a reader may still use a manifest that names them. Call this only
/// while no writer is running: its drafts are files that no manifest names.
///
/// # Errors
/// If one of them cannot be inspected or removed.
pub fn collect(files: Vec<Utf8PathBuf>, age: Duration, dry_run: bool) -> Result<Collected> {
    let mut collected = Collected::default();
    for path in files {
        let found = fs::metadata(&path).map_err(Error::io(&path, "inspect"))?;
        // A time in the future means that somebody set the clock: the file counts as young.
        let file_age = found
            .modified()
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok())
            .unwrap_or_default();
        if file_age < age {
            collected.young += 1;
            continue;
        }
        collected.bytes += size(&path)?;
        if !dry_run {
            let removed =
                if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.map_err(Error::io(&path, "remove"))?;
        }
        collected.files.push(path);
    }
    Ok(collected)
}

/// The size of a file, or of all files below a directory.
fn size(path: &Utf8Path) -> Result<u64> {
    if !path.is_dir() {
        return Ok(fs::metadata(path).map_err(Error::io(path, "inspect"))?.len());
    }
    let items = path.read_dir_utf8().map_err(Error::io(path, "list the directory"))?;
    let sizes = items.map(|item| size(item.map_err(Error::io(path, "list the directory"))?.path()));
    sizes.sum()
}
