//! `gc`: deleting files of ingest that no manifest names.
//!
//! These are temporary files of killed runs and queries, and shards and catalog files that a later
//! run replaced. The same is done for labels and qualities, of which no row is deleted. A receipt
//! names files that the next driver publishes. So the first run of `gc` deletes an old receipt, and
//! the second one its files. `gc` takes the locks that the writers of these directories hold. It
//! deletes nothing while a command reads the clips for long (training, `encode`, a report, an
//! export), and only files above a certain age, because other readers may still have opened the
//! dataset before the replacement.

use std::time::Duration;

use anyhow::Result;
use camino::Utf8Path;
use genie_cluster::WorkFolder;
use genie_shards::{Collected, Manifest, collect};
use genie_stage::Exit;
use genie_stage::lock::{InUse, Lock, LockError};

use crate::catalog::{label_dir, lock, lock_labels, quality_dir};
use crate::pipeline::files_of_receipts;

/// Directories that only ingest writes to.
const DIRECTORIES: [&str; 2] = ["clips", "catalog"];

/// Deletes unnamed files that are older than `age`. With `dry_run` it only lists them on stdout.
pub fn run(root: &Utf8Path, age: Duration, dry_run: bool) -> Result<Exit> {
    if !root.is_dir() {
        tracing::info!("gc: {root} does not exist, so there is nothing to delete");
        return Ok(Exit::Done);
    }
    let _lock = lock(root)?;
    let _no_readers = match InUse::exclude(root) {
        Err(held @ LockError::Held { .. }) => {
            tracing::info!("gc: nothing is deleted while other commands read the clips: {held}");
            return Ok(Exit::Done);
        }
        excluded => excluded?,
    };
    let mut unnamed = Manifest::load(root)?.unnamed(root, &DIRECTORIES)?;
    let waiting = files_of_receipts(root)?;
    unnamed.retain(|path| !waiting.contains(path));
    unnamed.extend(WorkFolder::leftovers(root)?);
    unnamed.extend(genie_catalog::leftovers(root)?);
    let labels = label_dir(root);
    let _no_labelling = labels.is_dir().then(|| lock_labels(root)).transpose()?;
    unnamed.extend(Manifest::load(&labels)?.unnamed(&labels, &[])?);
    let mut no_scoring = Vec::new();
    for dir in genie_store::list(&quality_dir(root))?.directories {
        no_scoring.push(Lock::acquire(dir.join(".lock"))?);
        unnamed.extend(Manifest::load(&dir)?.unnamed(&dir, &[])?);
    }
    let Collected { files, bytes, young } = collect(unnamed, age, dry_run)?;
    for path in &files {
        println!("{}", genie_store::shown(path));
    }
    let (how, count) = (if dry_run { "would delete" } else { "deleted" }, files.len());
    tracing::info!(
        "gc: {how} {count} files of {bytes} bytes that no manifest names; \
         {young} more files are too young"
    );
    Ok(Exit::Done)
}
