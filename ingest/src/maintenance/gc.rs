//! `gc`: removing what ingest wrote and no manifest names: drafts of killed runs, and shards and catalog files that were made anew.
//!
//! Only under the lock that every writer of these directories holds, and only files that have lain there for a while: a training
//! that opened the dataset before they were replaced goes on reading them.

use std::time::Duration;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{Collected, Manifest, collect};
use genie_stage::Exit;

use crate::catalog::lock;

/// Directories that ingest alone writes.
const DIRECTORIES: [&str; 2] = ["clips", "catalog"];

/// Removes unnamed files that are older than `age`; with `dry_run`, only lists them.
pub fn run(root: &Utf8Path, age: Duration, dry_run: bool) -> Result<Exit> {
    if !root.is_dir() {
        tracing::info!("gc: there is nothing at {root}");
        return Ok(Exit::Done);
    }
    let _lock = lock(root)?;
    let Collected { files, bytes, young } =
        collect(Manifest::load(root)?.unnamed(root, &DIRECTORIES)?, age, dry_run)?;
    for path in &files {
        println!("{path}");
    }
    let (how, count) = (if dry_run { "would remove" } else { "removed" }, files.len());
    tracing::info!(
        "gc: {how} {count} files of {bytes} bytes that nothing names; {young} more are too young"
    );
    Ok(Exit::Done)
}
