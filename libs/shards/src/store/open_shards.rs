//! The footers of the shards that were used last.
//!
//! A footer of a shard with many clips has hundreds of kilobytes, so only a few are in memory.

use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use super::shard::Shard;
use crate::{error::Result, manifest::Entry};

/// Number of footers in memory.
const FOOTERS: usize = 64;

/// Clip shards that are opened when they are needed.
pub(crate) struct OpenShards {
    root: Utf8PathBuf,
    entries: Vec<Entry>,
    /// In the order of use, the last one at the end.
    open: Mutex<Vec<(usize, Arc<Shard>)>>,
}

impl OpenShards {
    pub(crate) fn new(root: &Utf8Path, entries: Vec<Entry>) -> Self {
        Self { root: root.to_owned(), entries, open: Mutex::default() }
    }

    pub(crate) fn path(&self, shard: usize) -> Utf8PathBuf {
        self.root.join(&self.entries[shard].file)
    }

    /// The shard with this number.
    pub(crate) fn get(&self, shard: usize) -> Result<Arc<Shard>> {
        let open = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut open = open();
            if let Some(at) = open.iter().position(|(number, _)| *number == shard) {
                let found = open.remove(at);
                open.push(found.clone());
                return Ok(found.1);
            }
        }
        // Read outside the lock, so that readers of other shards do not wait. Two readers may open
        // one shard at the same time, and then one of them is dropped.
        let opened = Arc::new(Shard::footer(&self.root, &self.entries[shard])?);
        let mut open = open();
        if open.len() == FOOTERS {
            open.remove(0);
        }
        if open.iter().all(|(number, _)| *number != shard) {
            open.push((shard, opened.clone()));
        }
        Ok(opened)
    }
}
