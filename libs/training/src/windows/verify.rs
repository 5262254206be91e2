//! `verify`: reads every published window of every model and checks it.
//!
//! It compares each file with its manifest and each window with its hash, and finds windows that
//! are published twice. stdout gets one line for each problem, stderr the totals. It changes
//! nothing, except with `--forget`: then damaged files are removed from the manifest, and the next
//! run recomputes them.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{Entry, Manifest, WindowPlace, visit_places};
use genie_stage::Exit;
use genie_stage::exit::FAILED;
use genie_stage::lock::Lock;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use super::stored::{StoredWindow, directories};

/// Number of places of windows that are in memory at the same time.
const PLACES: usize = 1 << 20;

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
        let (mut sound, mut bad, mut here) = (Vec::new(), HashSet::new(), 0);
        for entry in manifest.table(W::TABLE) {
            stop.check()?;
            match W::read(dir, entry) {
                Ok(read) => {
                    here += read.len();
                    sound.push(entry);
                }
                Err(error) => {
                    println!("{error:#}");
                    bad.insert(entry.file.clone());
                }
            }
            progress.inc(1);
        }
        for (file, (clip, first)) in published_twice::<W>(dir, &sound, here)? {
            let path = dir.join(file);
            println!("{path}: the window of clip {clip} at frame {first} is published twice");
            bad.insert(file.to_owned());
        }
        windows += here;
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

/// Finds the files that contain a window again, after an earlier file or the same file.
///
/// Returns one such window for each of these files. The places of all windows may be too many for
/// memory. So there are several passes: each reads all places, and compares a part of them.
fn published_twice<'a, W: StoredWindow>(
    dir: &Utf8Path,
    files: &[&'a Entry],
    windows: usize,
) -> Result<BTreeMap<&'a str, WindowPlace>> {
    let passes = windows.div_ceil(PLACES) as u64;
    let mut twice = BTreeMap::new();
    for pass in 0..passes {
        let mut seen = HashSet::new();
        for &entry in files {
            visit_places(dir, W::TABLE, entry, |place| {
                let hash = hash(&place);
                if hash[0] % passes == pass && !seen.insert(hash) {
                    twice.entry(entry.file.as_str()).or_insert(place);
                }
            })?;
        }
    }
    Ok(twice)
}

/// The first 128 bits of a hash of a window's place; they identify the place.
fn hash((clip, first): &WindowPlace) -> [u64; 2] {
    let hash = blake3::hash(format!("{first} {clip}").as_bytes());
    let word = |at: usize| {
        hash.as_bytes()[at..at + 8].iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
    };
    [word(0), word(8)]
}

/// Removes files from the manifest of `dir`, and marks the directory as not done.
fn forget<W: StoredWindow>(dir: &Utf8Path, files: &HashSet<String>) -> Result<()> {
    let _lock = Lock::acquire(dir.join(".lock"))?;
    genie_store::remove_file(&dir.join("step.json"))?;
    Manifest::commit(dir, |manifest| {
        for file in files {
            manifest.remove(W::TABLE, file);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use genie_shards::TokenWindow;

    use super::*;

    /// Catches: a window that is published twice is found only if both are in one file, or in one
    /// pass; a window of another clip counts as the same.
    #[test]
    fn a_window_in_two_files_is_found_in_every_number_of_passes() {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(guard.path()).unwrap();
        let write = |name: &str, places: &[(&str, u32)]| {
            let window = |&(clip, first_frame): &(&str, u32)| TokenWindow {
                clip_id: clip.to_owned(),
                first_frame,
                tokens: vec![0],
                t: 1,
                h: 1,
                w: 1,
                ..TokenWindow::default()
            };
            let windows: Vec<TokenWindow> = places.iter().map(window).collect();
            genie_shards::write_tokens(dir, "k", name, &windows).unwrap()
        };
        let files = [
            write("1", &[("a", 0), ("a", 16), ("b", 0)]),
            write("2", &[("b", 16), ("a", 16), ("c", 0)]),
            write("3", &[("d", 0), ("d", 0)]),
            write("4", &[("e", 0)]),
        ];
        let entries: Vec<&Entry> = files.iter().collect();
        let place = |clip: &str, first| (clip.to_owned(), first);
        let expected = BTreeMap::from([
            (files[1].file.as_str(), place("a", 16)),
            (files[2].file.as_str(), place("d", 0)),
        ]);
        for windows in [9, 5 * PLACES] {
            let found = published_twice::<TokenWindow>(dir, &entries, windows).unwrap();
            assert_eq!(found, expected, "{windows} windows");
        }
    }
}
