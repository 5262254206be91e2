//! `verify`: reads every published window of every model and checks it.
//!
//! It compares each file with its manifest and each window with its hash, and finds windows that
//! are published twice. stdout gets one line for each problem, stderr the totals. It changes
//! nothing, except with `--forget`: then damaged files are removed from the manifest, and the next
//! run recomputes them.

use std::collections::HashSet;
use std::fs;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::Manifest;
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use super::stored::{StoredWindow, directories};

/// The flags of `verify`.
#[derive(clap::Args, Debug)]
pub struct VerifyArgs {
    /// Remove damaged files from the dataset, so that the next run recomputes their contents.
    #[arg(long)]
    forget: bool,
}

/// Checks the windows of all models under `root`.
///
/// # Errors
/// When a manifest cannot be read or (with `--forget`) written, or another run holds the lock of a
/// directory with a damaged file.
pub fn verify<W: StoredWindow>(root: &Utf8Path, args: &VerifyArgs) -> Result<Exit> {
    let stop = Stop::install();
    if !root.exists() {
        tracing::warn!("verify: {root} does not exist, so nothing is checked: see data.root");
    }
    let directories = directories::<W>(root)?;
    let mut manifests = Vec::new();
    for dir in &directories {
        manifests.push(Manifest::load(dir)?);
    }
    let files: usize = manifests.iter().map(|manifest| manifest.table(W::TABLE).len()).sum();
    let progress = Progress::new("verify", files as u64);
    let (mut windows, mut problems) = (0, 0);
    for (dir, manifest) in directories.iter().zip(&manifests) {
        let (mut seen, mut bad) = (HashSet::new(), HashSet::new());
        for entry in manifest.table(W::TABLE) {
            stop.check()?;
            match W::read(dir, entry) {
                Ok(read) => {
                    windows += read.len();
                    let twice = read
                        .iter()
                        .map(StoredWindow::place)
                        .find(|(clip, first)| !seen.insert((clip.to_string(), *first)));
                    if let Some((clip, first)) = twice {
                        println!(
                            "{}: the window of clip {clip} at frame {first} is published twice",
                            dir.join(&entry.file)
                        );
                        bad.insert(entry.file.clone());
                    }
                }
                Err(error) => {
                    println!("{error:#}");
                    bad.insert(entry.file.clone());
                }
            }
            progress.inc(1);
        }
        problems += bad.len();
        if args.forget && !bad.is_empty() {
            forget::<W>(dir, &bad)?;
        }
    }
    progress.finish();
    let (name, models) = (W::NAME, directories.len());
    if problems == 0 {
        tracing::info!(
            "verify: no problem found in the {name} of {models} models: \
             {windows} windows in {files} files"
        );
        return Ok(Exit::Done);
    }
    let next = if args.forget {
        "they are removed from the dataset, and the next run recomputes them"
    } else {
        "remove them with --forget, and the next run recomputes them"
    };
    tracing::error!("verify: {problems} of {files} files with {name} are damaged: {next}");
    Ok(Exit::Failed(FAILED))
}

/// Removes files from the manifest of `dir`, and marks the directory as not done.
fn forget<W: StoredWindow>(dir: &Utf8Path, files: &HashSet<String>) -> Result<()> {
    let _lock = Lock::acquire(dir.join(".lock"))?;
    let record = dir.join("step.json");
    if record.exists() {
        fs::remove_file(&record).with_context(|| format!("cannot remove {record}"))?;
    }
    Manifest::commit(dir, |manifest| {
        manifest.retain(W::TABLE, |entry| !files.contains(&entry.file));
    })?;
    Ok(())
}
