//! Removes files that no manifest names.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use camino::Utf8PathBuf;

use crate::error::{Error, Result};

/// Result of [`collect`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Files that were removed, or that a dry run would remove.
    pub files: Vec<Utf8PathBuf>,
    /// Total size of these files.
    pub bytes: u64,
    /// Number of files that are too young to be removed.
    pub young: usize,
}

/// Removes the `files` that are older than `age`; with `dry_run`, only reports them.
///
/// Young files stay, because a reader may still use a manifest that names them. Call this only
/// while no writer is running: its drafts are files that no manifest names.
///
/// # Errors
/// If a file cannot be inspected or removed.
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
        if !dry_run {
            fs::remove_file(&path).map_err(Error::io(&path, "remove"))?;
        }
        collected.bytes += found.len();
        collected.files.push(path);
    }
    Ok(collected)
}
