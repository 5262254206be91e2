//! `gc`: dropping what models of before made, and what killed runs left.
//!
//! Tokens and labels can be made again from the clips and their model, so only these are dropped, never a model. Never what is current under the
//! config, nor what another run is writing. What a reader may still be at (shards that were replaced by fuller ones) is left for a day.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{Manifest, collect};
use genie_stage::Exit;
use genie_stage::lock::{Lock, LockError};
use genie_stage::step::read_record;

use super::stored::{StoredWindow, directories};

/// The flags of `gc`.
#[derive(clap::Args, Debug)]
pub struct GcArgs {
    /// Keep what so many models made, those that finished last; what is current is always kept, and counts
    #[arg(long, value_name = "N")]
    keep: usize,
    /// Of what is kept, remove files that nothing names any more only when they have lain there so long
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    older_than: u64,
    /// Only list them
    #[arg(long)]
    dry_run: bool,
}

/// Drops directories of windows under `root` whose models are not among `current` (keys), but for the newest.
///
/// # Errors
/// When a directory cannot be read or removed.
pub fn gc<W: StoredWindow>(root: &Utf8Path, current: &[String], args: &GcArgs) -> Result<Exit> {
    let mut found = Vec::new();
    for dir in directories::<W>(root)? {
        let is_current = current.iter().any(|key| dir.file_name() == Some(key));
        let record = read_record(&dir);
        // What is not finished may be somebody's work: it counts as the newest.
        found.push((
            is_current,
            record.is_none(),
            record.map(|record| record.lineage.finished),
            dir,
        ));
    }
    found.sort();
    found.reverse();
    let age = Duration::from_secs(args.older_than.saturating_mul(3600));
    let (mut dropped, mut kept, mut files, mut bytes) = (0, 0, 0, 0);
    for (index, (is_current, .., dir)) in found.iter().enumerate() {
        let _lock = match Lock::acquire(dir.join(".lock")) {
            Ok(lock) => lock,
            Err(held @ LockError::Held { .. }) => {
                tracing::info!("gc: left alone: {held}");
                kept += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if *is_current || index < args.keep {
            let unnamed = Manifest::load(dir)?.unnamed(dir, &[])?;
            let collected = collect(unnamed, age, args.dry_run)?;
            for path in &collected.files {
                println!("{path}");
            }
            files += collected.files.len();
            bytes += collected.bytes;
            kept += 1;
            continue;
        }
        bytes += Manifest::load(dir)?.entries().map(|(_, entry)| entry.bytes).sum::<u64>();
        if !args.dry_run {
            remove(dir).with_context(|| format!("cannot remove {dir}"))?;
        }
        println!("{dir}");
        dropped += 1;
    }
    let how = if args.dry_run { "would remove" } else { "removed" };
    tracing::info!(
        "gc: {how} the {} of {dropped} models and {files} files that nothing names, {bytes} bytes; kept those of {kept}",
        W::NAME
    );
    Ok(Exit::Done)
}

/// First what says that it is done, then what says which files there are: killed half-way, it is work to be begun anew.
fn remove(dir: &Utf8Path) -> std::io::Result<()> {
    for name in ["step.json", "manifest.json"] {
        match fs::remove_file(dir.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::remove_dir_all(dir)
}
