//! The directory of an export. The file `export.json` in it says that it is one, and of which form.

use std::fs;
use std::num::NonZeroUsize;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_stage::exit::Usage;
use genie_stage::lock::Lock;
use serde::{Deserialize, Serialize};

const RECORD: &str = "export.json";

/// What an export must have in common with the one that it continues.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    pub lossless: bool,
    /// Clips of a tar file; `None` for an export of files.
    pub clips_per_tar: Option<NonZeroUsize>,
    /// Hash of the chosen clips, if they are in tar files: the files depend on all of them.
    pub selection: Option<String>,
}

/// Locks the directory, and creates it if necessary.
///
/// # Errors
///
/// [`Usage`] if the directory contains something else, or an export of another form; an error if
/// another process holds the lock.
pub fn open(dir: &Utf8Path, form: &Form) -> Result<Lock> {
    let record = dir.join(RECORD);
    let known = match fs::read(&record) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {record}")),
    };
    if known.is_none() && dir.exists() && is_occupied(dir)? {
        let problem = "is not empty, and is not the directory of an export; choose another --out";
        return Err(Usage(format!("{dir} {problem}")).into());
    }
    let lock = Lock::acquire(dir.join(".lock"))?;
    let Some(known) = known else {
        genie_durable::write(record, serde_json::to_string_pretty(form)? + "\n")?;
        return Ok(lock);
    };
    let known: Form = serde_json::from_slice(&known)
        .map_err(|error| Usage(format!("cannot read {record}: {error}; choose another --out")))?;
    if known == *form {
        return Ok(lock);
    }
    let differs = if known.lossless != form.lossless {
        "another --lossless"
    } else if known.clips_per_tar != form.clips_per_tar {
        "another --tar"
    } else {
        "clips that were chosen differently, or that ingest wrote again since then (another split, \
         path or sidecar): each of its tar files has certain clips, so it cannot be continued"
    };
    let remedy = "choose another --out, or delete the directory to export everything again";
    Err(Usage(format!("{dir} has an export with {differs}; {remedy}")).into())
}

/// Whether a directory has an entry. The lock of a run that was killed does not count.
fn is_occupied(dir: &Utf8Path) -> Result<bool> {
    let entries = dir.read_dir_utf8().with_context(|| format!("cannot list {dir}"))?;
    Ok(entries.flatten().any(|entry| entry.file_name() != ".lock"))
}
