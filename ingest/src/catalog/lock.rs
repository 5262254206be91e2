//! The lock for writing to the files of ingest in a dataset root.

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::Alone;
use genie_stage::lock::Lock;

/// Takes the lock, and expects that no other machine writes meanwhile.
///
/// # Errors
///
/// Another process holds the lock, or the manifest cannot be read.
pub fn lock(root: &Utf8Path) -> Result<(Lock, Alone)> {
    let lock = Lock::acquire(root.join("ingest.lock"))?;
    Ok((lock, Alone::begin(root)?))
}
