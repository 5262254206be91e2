//! Identifying found files: their content hashes and their sidecars.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{Entry, Manifest, scan_stamps, tables};
use genie_stage::key::Key;
use genie_stage::progress::Progress;
use rayon::prelude::*;

use super::probe::VideoProbe;
use crate::catalog::source_key;
use crate::clips::sidecar_path;
use crate::config::MetadataRules;
use crate::discover::{FileStamp, SourceFile, metadata};
use crate::reject::{Reason, Reject};

/// Bytes at the start of a file of which one must not be zero.
const HEAD: usize = 1 << 20;

/// Takes the content hashes of unchanged files from the catalog.
///
/// A file is unchanged if its path, size and modification time are in the catalog. Files that have
/// a hash or a reject stay as they are.
pub fn identify_known(root: &Utf8Path, files: &mut [SourceFile]) -> Result<()> {
    files.par_iter_mut().filter(|file| file.is_unidentified()).for_each(|file| {
        file.stamp = FileStamp::of(&file.path).unwrap_or_default();
    });
    // Several paths that are not UTF-8 can have the same name in the catalog.
    let places = files.iter().enumerate().filter(|(_, file)| file.is_unidentified());
    let by_path: HashMap<&str, usize> =
        places.filter_map(|(number, file)| Some((file.path.to_str()?, number))).collect();
    let manifest = Manifest::load(root)?;
    let scan = |entry: &Entry| -> Result<Vec<(usize, Box<str>)>> {
        let mut known = Vec::new();
        scan_stamps(root, entry, &mut |row| {
            let stamp = FileStamp { bytes: row.bytes, modified_ns: row.modified_ns };
            let number = by_path.get(row.source_path).filter(|&&number| {
                files[number].stamp == stamp && stamp.bytes > 0 && !row.source_id.is_empty()
            });
            known.extend(number.map(|&number| (number, row.source_id.into())));
        })
        .with_context(|| format!("cannot read the catalog in {root}"))?;
        Ok(known)
    };
    let known: Vec<_> =
        manifest.table(tables::SOURCES).par_iter().map(scan).collect::<Result<_>>()?;
    // The first row counts.
    for (number, id) in known.into_iter().rev().flat_map(|known| known.into_iter().rev()) {
        files[number].id = id;
    }
    Ok(())
}

/// Hashes the files that have no hash yet, and reads what lies beside all files.
///
/// A file that cannot be read, and a large file that is no video, gets a reject instead of a hash.
/// An error means that the run must stop.
pub fn identify(
    files: &mut [SourceFile],
    key: &Key,
    rules: &MetadataRules,
    probe: &VideoProbe<'_>,
) -> Result<()> {
    let progress = Progress::new("reading files", files.len() as u64);
    let without_sidecar: Arc<str> = source_key(key.as_str(), None).into();
    files.par_iter_mut().try_for_each(|file| {
        probe.stop.check()?;
        file.key = without_sidecar.clone();
        if file.reject.is_none() {
            if file.id.is_empty() {
                identify_content(file, probe)?;
            }
            if let Ok(sidecar) = fs::read(sidecar_path(&file.path)) {
                file.key = source_key(key.as_str(), Some(&sidecar)).into();
            }
            file.metadata_key = metadata::key(&file.path, rules).into();
        }
        progress.inc(1);
        anyhow::Ok(())
    })?;
    progress.finish();
    Ok(())
}

/// Finds the content hash of a file, or why it cannot be used.
fn identify_content(file: &mut SourceFile, probe: &VideoProbe<'_>) -> Result<()> {
    match content(&file.path, probe)? {
        Ok((_, FileStamp { bytes: 0, .. })) => {
            file.reject = Some(Reject::new(Reason::EmptyFile, "0 bytes").into());
            file.stamp = FileStamp::default();
        }
        Ok((id, stamp)) => (file.id, file.stamp) = (id.into(), stamp),
        Err(reject) => {
            file.reject = Some(reject.into());
            file.stamp = FileStamp::default();
        }
    }
    Ok(())
}

/// The content hash of a file, and its stamp before it was read.
///
/// The outer error means that the run must stop.
fn content(path: &Path, probe: &VideoProbe<'_>) -> Result<Result<(String, FileStamp), Reject>> {
    let unreadable = |error| Reject::new(Reason::Unreadable, error);
    let stamp = match FileStamp::of(path) {
        Ok(stamp) => stamp,
        Err(error) => return Ok(Err(unreadable(error))),
    };
    let (file, head) = match open(path) {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(unreadable(error))),
    };
    if let Some(reject) = probe.reject(path, stamp.bytes)? {
        return Ok(Err(reject));
    }
    // If the file changed meanwhile, `has_changed` finds another stamp after decoding.
    Ok(hash(&head, file).map(|id| (id, stamp)).map_err(unreadable))
}

/// Opens a file and reads the first [`HEAD`] bytes.
fn open(path: &Path) -> io::Result<(File, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    if head.len() == HEAD && head.iter().all(|&byte| byte == 0) {
        return Err(io::Error::other(
            "its first MiB is zeros: the file was reserved, but its start was not written",
        ));
    }
    Ok((file, head))
}

/// The BLAKE3 hash of a file's head and the rest, in hex.
fn hash(head: &[u8], mut rest: File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    io::copy(&mut rest, &mut hasher)?;
    Ok(hasher.finalize().to_hex().to_string())
}
