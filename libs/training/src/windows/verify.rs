//! `verify`: every published window of every model, read again and compared with what was noted when it was written: the file against its manifest,
//! each window against its own hash, and no window twice.
//!
//! stdout gets one line a problem, stderr the sum. It changes nothing, unless it is told to `--forget` what is damaged: then the next run makes that
//! again.

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
    /// Take damaged files out of the dataset, so that the next run makes again what was in them
    #[arg(long)]
    forget: bool,
}

/// Checks what all models made under `root`.
///
/// # Errors
/// When a manifest cannot be read or, to forget, written; or another run is writing what is to be forgotten.
pub fn verify<W: StoredWindow>(root: &Utf8Path, args: &VerifyArgs) -> Result<Exit> {
    let stop = Stop::install();
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
            "verify: {name} of {models} models, {windows} windows in {files} files, are as they were written"
        );
        return Ok(Exit::Done);
    }
    let next = if args.forget {
        "forgotten: the next run makes them again"
    } else {
        "with --forget, the next run makes them again"
    };
    tracing::error!("verify: {problems} of {files} files with {name} are damaged; {next}");
    Ok(Exit::Failed(FAILED))
}

/// Takes files out of a directory's manifest, and it is not done any more.
fn forget<W: StoredWindow>(dir: &Utf8Path, files: &HashSet<String>) -> Result<()> {
    let _lock = Lock::acquire(dir.join(".lock"))?;
    let record = dir.join("step.json");
    if record.exists() {
        fs::remove_file(&record).with_context(|| format!("cannot remove {record}"))?;
    }
    Manifest::commit(dir, |manifest| {
        manifest.retain(W::TABLE, |entry| !files.contains(&entry.file))
    })?;
    Ok(())
}
