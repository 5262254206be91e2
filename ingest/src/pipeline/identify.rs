//! Identifying found files: their content hashes and their sidecars.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Result;
use genie_stage::key::Key;
use genie_stage::progress::Progress;
use rayon::prelude::*;

use super::probe::VideoProbe;
use crate::catalog::{SourceIndex, source_key};
use crate::clips::sidecar_path;
use crate::config::MetadataRules;
use crate::discover::{FileStamp, FoundFile, SourceFile, metadata};
use crate::reject::{Reason, Reject};

/// Bytes at the start of a file of which one must not be zero.
const HEAD: usize = 1 << 20;

/// Hashes all found files and reads their sidecars.
///
/// A file whose path, size and modification time are in the catalog is not read again. A file that
/// cannot be read, and a large file that is no video, gets a reject instead of a hash. An error
/// means that the run must stop.
pub fn identify(
    found: Vec<FoundFile>,
    key: &Key,
    rules: &MetadataRules,
    catalog: &SourceIndex,
    probe: &VideoProbe<'_>,
) -> Result<Vec<SourceFile>> {
    let progress = Progress::new("reading files", found.len() as u64);
    let sources = found
        .into_par_iter()
        .map(|found| {
            probe.stop.check()?;
            let source = identify_one(found, key, rules, (catalog, probe));
            progress.inc(1);
            source
        })
        .collect();
    progress.finish();
    sources
}

fn identify_one(
    found: FoundFile,
    key: &Key,
    rules: &MetadataRules,
    (catalog, probe): (&SourceIndex, &VideoProbe<'_>),
) -> Result<SourceFile> {
    let FoundFile { path, identity, reject, guess, leftover, named } = found;
    let mut source = SourceFile {
        path,
        identity,
        id: String::new(),
        stamp: FileStamp::default(),
        key: key.to_string(),
        sidecar: None,
        metadata_key: String::new(),
        reject,
        guess,
        leftover,
        named,
        split: None,
        note: None,
    };
    if source.reject.is_some() {
        return Ok(source);
    }
    match content(&source.path, catalog, probe)? {
        Ok((_, FileStamp { bytes: 0, .. })) => {
            source.reject = Some(Reject::new(Reason::EmptyFile, "0 bytes"));
        }
        Ok((id, stamp)) => (source.id, source.stamp) = (id, stamp),
        Err(reject) => source.reject = Some(reject),
    }
    source.sidecar = fs::read(sidecar_path(&source.path)).ok();
    source.key = source_key(key, source.sidecar.as_deref());
    source.metadata_key = metadata::key(&source.path, rules);
    Ok(source)
}

/// The content hash of a file, and its stamp before it was read.
///
/// The outer error means that the run must stop.
fn content(
    path: &Path,
    catalog: &SourceIndex,
    probe: &VideoProbe<'_>,
) -> Result<Result<(String, FileStamp), Reject>> {
    let unreadable = |error| Reject::new(Reason::Unreadable, error);
    let stamp = match FileStamp::of(path) {
        Ok(stamp) => stamp,
        Err(error) => return Ok(Err(unreadable(error))),
    };
    // Several paths that are not UTF-8 can have the same name in the catalog.
    if let Some(known) = path.to_str().and_then(|path| catalog.content(path, stamp)) {
        return Ok(Ok((known.to_owned(), stamp)));
    }
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
