//! `gc`: deletes the windows of old models, and files that killed runs left.
//!
//! Tokens and labels can be computed again from the clips and a model. So `gc` deletes only these,
//! never a model. It does not delete the windows of the current config's model, nor a directory
//! that another run is writing or a training is reading. Shards that were replaced by fuller ones
//! stay for a day, because another process may be reading them.
//!
//! Locks say this for one machine. If the dataset is in a store, `gc` first marks a directory that
//! it does not keep. A `gc` deletes the directory if its mark is older than `--older-than`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{Manifest, collect};
use genie_stage::Exit;
use genie_stage::lock::{InUse, Lock, LockError};
use genie_stage::step::read_record;

use super::stored::{StoredWindow, directories};

/// The flags of `gc`.
#[derive(clap::Args, Debug)]
pub struct GcArgs {
    /// Keep the windows of the last N models, counting the current model, which is always kept.
    #[arg(long, value_name = "N")]
    keep: usize,
    /// In the kept directories, delete unused files only if they are older than this.
    ///
    /// In S3: delete a directory only if an earlier gc found this long ago that it is not kept.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    older_than: u64,
    /// List what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Deletes the directories of old models under `root`.
///
/// `current` are keys of models whose directories are always kept.
///
/// # Errors
/// When a directory cannot be read or removed.
pub fn gc<W: StoredWindow>(root: &Utf8Path, current: &[String], args: &GcArgs) -> Result<Exit> {
    let mut found = Vec::new();
    for dir in directories::<W>(root)? {
        let is_current = current.iter().any(|key| dir.file_name() == Some(key));
        let record = read_record(&dir)?;
        // An unfinished directory may still be in use: it counts as the newest.
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
        let locks =
            Lock::acquire(dir.join(".lock")).and_then(|writer| Ok((writer, InUse::exclude(dir)?)));
        let _locks = match locks {
            Ok(locks) => locks,
            Err(held @ LockError::Held { .. }) => {
                tracing::info!("gc: skipped: {held}");
                kept += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        if *is_current || index < args.keep {
            let unnamed = Manifest::load(dir)?.unnamed(dir, &[])?;
            let collected = collect(unnamed, age, args.dry_run)?;
            for path in &collected.files {
                println!("{}", genie_store::shown(path));
            }
            files += collected.files.len();
            bytes += collected.bytes;
            kept += 1;
            if !args.dry_run {
                genie_store::mark_used(dir)?;
            }
            continue;
        }
        if !may_go(dir, age, args.dry_run)? {
            kept += 1;
            continue;
        }
        bytes += Manifest::load(dir)?.entries().map(|(_, entry)| entry.bytes).sum::<u64>();
        if !args.dry_run {
            remove(dir).with_context(|| format!("cannot remove {dir}"))?;
        }
        println!("{}", genie_store::shown(dir));
        dropped += 1;
    }
    let how = if args.dry_run { "would remove" } else { "removed" };
    tracing::info!(
        "gc: {how} the {} of {dropped} models, and {files} unused files: {bytes} bytes; \
         kept the {} of {kept} models",
        W::NAME,
        W::NAME
    );
    Ok(Exit::Done)
}

/// Whether a directory that is not kept has been marked for so long that it may be deleted.
///
/// Marks it if it has no mark.
fn may_go(dir: &Utf8Path, age: Duration, dry_run: bool) -> Result<bool> {
    let marked = genie_store::unused_since(dir)?;
    if marked.is_none() && !dry_run {
        genie_store::mark_unused(dir);
        tracing::info!(
            "gc: {} is not kept; it is deleted after --older-than hours",
            genie_store::shown(dir)
        );
    }
    // A time in the future means that somebody set the clock: the mark counts as young.
    let marked = marked.map_or(Duration::ZERO, |time| time.elapsed().unwrap_or_default());
    Ok(marked >= age)
}

/// Removes `step.json` and the manifest first.
///
/// If this is killed in between, the directory counts as not done, and then as empty.
fn remove(dir: &Utf8Path) -> Result<()> {
    genie_store::remove_file(&dir.join("step.json"))?;
    Manifest::remove(dir)?;
    Ok(genie_store::remove_dir(dir)?)
}
