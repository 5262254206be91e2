//! The lock for writing to the files of ingest in a dataset root.

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::Alone;
use genie_stage::lock::Lock;

/// The file that is locked, in the dataset root.
const FILE: &str = "ingest.lock";

/// Takes the lock, and expects that no other machine writes meanwhile.
///
/// # Errors
///
/// Another process holds the lock, or the manifest cannot be read.
pub fn lock(root: &Utf8Path) -> Result<(Lock, Alone)> {
    let lock = Lock::acquire(root.join(FILE))?;
    Ok((lock, Alone::begin(root)?))
}

/// Takes the lock together with the other processes of an array job.
///
/// # Errors
///
/// A process that does not belong to an array job holds the lock.
pub fn share_lock(root: &Utf8Path) -> Result<Lock> {
    Ok(Lock::share(root.join(FILE))?)
}
