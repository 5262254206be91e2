//! Runs that change a manifest alone, although no lock excludes other machines.
//!
//! A run reads a dataset, computes for a while, and replaces what it has read. A lock keeps other
//! runs of this machine away meanwhile. If the dataset is in a store, another machine may commit.
//! Then the next commit of this run is refused, before it changes anything.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use camino::{Utf8Path, Utf8PathBuf};

use super::version::Version;
use crate::error::{Error, Result};

/// The version that each directory has, unless another machine changes it.
static EXPECTED: Mutex<BTreeMap<Utf8PathBuf, u64>> = Mutex::new(BTreeMap::new());

/// The right to expect that nobody else changes a manifest; dropping it ends that.
#[derive(Debug)]
pub struct Alone {
    dir: Utf8PathBuf,
}

impl Alone {
    /// Begins to expect that only this process changes the manifest of a directory.
    ///
    /// Take the directory's lock first. Read what the run depends on after this call.
    ///
    /// # Errors
    /// If the manifest cannot be read.
    pub fn begin(dir: &Utf8Path) -> Result<Self> {
        // The lock is enough for a plain directory.
        if genie_store::is_mounted(dir) {
            let number = Version::newest(dir)?.number;
            expected().insert(dir.to_owned(), number);
        }
        Ok(Self { dir: dir.to_owned() })
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        expected().remove(&self.dir);
    }
}

/// Refuses a commit to a version that another machine made.
///
/// # Errors
/// [`Error::Changed`].
pub(crate) fn check(dir: &Utf8Path, newest: u64) -> Result<()> {
    match expected().get(dir) {
        Some(number) if *number != newest => {
            Err(Error::Changed { place: genie_store::shown(dir), source: genie_store::Conflict })
        }
        _ => Ok(()),
    }
}

/// Notes that this process made a version.
pub(crate) fn note(dir: &Utf8Path, number: u64) {
    if let Some(expected) = expected().get_mut(dir) {
        *expected = number;
    }
}

fn expected() -> MutexGuard<'static, BTreeMap<Utf8PathBuf, u64>> {
    EXPECTED.lock().unwrap_or_else(PoisonError::into_inner)
}
