//! Removing files that no manifest names.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use camino::Utf8PathBuf;

use crate::error::{Error, Result};

/// What [`collect`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Files that were removed, or would be.
    pub files: Vec<Utf8PathBuf>,
    /// Their bytes.
    pub bytes: u64,
    /// Files that have not lain there long enough.
    pub young: usize,
}

/// Removes those of `files` that are older than `age`, as a reader that opened a manifest before they were replaced may still be at
/// them; with `dry_run`, none. Only while no writer is at work: its drafts are files that nothing names.
///
/// # Errors
/// When a file cannot be looked at or removed.
pub fn collect(files: Vec<Utf8PathBuf>, age: Duration, dry_run: bool) -> Result<Collected> {
    let mut collected = Collected::default();
    for path in files {
        let found = fs::metadata(&path).map_err(Error::io(&path, "look at"))?;
        // A time in the future is a clock that was set: young.
        let lain = found
            .modified()
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok())
            .unwrap_or_default();
        if lain < age {
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
