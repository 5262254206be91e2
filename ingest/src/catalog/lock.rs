//! The lock of everything that writes what ingest owns in a dataset root.

use anyhow::Result;
use camino::Utf8Path;
use genie_stage::lock::Lock;

/// Takes the lock, or fails if another run has it.
pub fn lock(root: &Utf8Path) -> Result<Lock> {
    Ok(Lock::acquire(root.join("ingest.lock"))?)
}
