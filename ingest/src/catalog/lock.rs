//! The lock for writing to the files of ingest in a dataset root.

use anyhow::Result;
use camino::Utf8Path;
use genie_stage::lock::Lock;

/// Takes the lock.
///
/// # Errors
///
/// Another process holds the lock.
pub fn lock(root: &Utf8Path) -> Result<Lock> {
    Ok(Lock::acquire(root.join("ingest.lock"))?)
}
