//! `gc`: removing what ingest wrote and no manifest names: drafts of killed runs, and shards and catalog files that were made anew.
//!
//! Only under the lock that every writer of these directories holds, and only files that have lain there for a while: a training
//! that opened the dataset before they were replaced goes on reading them.

use std::fs;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::Manifest;
use genie_stage::Exit;

use crate::pipeline;

/// Directories that ingest alone writes.
const DIRECTORIES: [&str; 2] = ["clips", "catalog"];

/// Removes unnamed files that are older than `age`; with `dry_run`, only lists them.
pub fn run(root: &Utf8Path, age: Duration, dry_run: bool) -> Result<Exit> {
    if !root.is_dir() {
        tracing::info!("gc: there is nothing at {root}");
        return Ok(Exit::Done);
    }
    let _lock = pipeline::lock(root)?;
    let (mut count, mut bytes, mut young) = (0, 0, 0);
    for path in Manifest::load(root)?.unnamed(root, &DIRECTORIES)? {
        let found = fs::metadata(&path).with_context(|| format!("cannot look at {path}"))?;
        // A time in the future is a clock that was set: young.
        let lain =
            found.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok()).unwrap_or_default();
        if lain < age {
            young += 1;
            continue;
        }
        if !dry_run {
            fs::remove_file(&path).with_context(|| format!("cannot remove {path}"))?;
        }
        println!("{path}");
        count += 1;
        bytes += found.len();
    }
    let how = if dry_run { "would remove" } else { "removed" };
    tracing::info!("gc: {how} {count} files of {bytes} bytes that nothing names; {young} more are too young");
    Ok(Exit::Done)
}
