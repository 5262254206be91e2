//! Reads a few parts of published files where they are: in a copy, or in the store.
//!
//! A footer and some narrow columns are a small part of a shard. To read them from a store takes a
//! few requests, and no copy. Other parts of the file are read from a copy.

use std::{
    collections::VecDeque,
    fs::File,
    io::ErrorKind,
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    error::{Error, Result},
    files::unless_missing,
    mounts::{Mount, Mounted, find},
};

/// Number of bytes that a request asks for, unless a caller needs more.
const BLOCK: u64 = 128 << 10;
/// Number of blocks that are in memory. Readers of columns go forward in a few places at once.
const BLOCKS: usize = 4;

/// A published file of which parts are read. Clones share what they have read.
#[derive(Debug, Clone)]
pub struct PublishedFile(Arc<PartSource>);

/// Where the file is.
#[derive(Debug)]
enum PartSource {
    Local { path: Utf8PathBuf, file: File, bytes: u64 },
    Stored { mount: Arc<Mount>, name: String, bytes: u64, blocks: Mutex<VecDeque<(u64, Bytes)>> },
}

/// Opens a published file to read a few parts of it; copies nothing to this machine.
///
/// The parts are not compared with a hash.
///
/// # Errors
/// If a file on this machine cannot be opened.
pub fn open_parts(path: &Utf8Path, bytes: u64) -> Result<PublishedFile> {
    let mounted = find(path);
    let mut source = None;
    if let Some(file) = unless_missing(File::open(path)).map_err(Error::io(path, "open"))? {
        let found = file.metadata().map_err(Error::io(path, "inspect"))?.len();
        // Another size means that it is no copy of the published file.
        if found == bytes || mounted.is_none() {
            source = Some(PartSource::Local { path: path.to_owned(), file, bytes: found });
        }
    }
    let stored = mounted.map(|Mounted { mount, name }| PartSource::Stored {
        mount,
        name,
        bytes,
        blocks: Mutex::default(),
    });
    let missing = || Error::io(path, "open the published file")(ErrorKind::NotFound.into());
    let source = source.or(stored).ok_or_else(missing)?;
    Ok(PublishedFile(Arc::new(source)))
}

impl PublishedFile {
    /// The size of the file: on this machine the real one, in a store the published one.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match &*self.0 {
            PartSource::Local { bytes, .. } | PartSource::Stored { bytes, .. } => *bytes,
        }
    }

    /// The part of the file that begins at `start`: at most `length` bytes, fewer at its end.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = self.bytes().min(start.saturating_add(length as u64));
        if start >= end {
            return Ok(Bytes::new());
        }
        match &*self.0 {
            PartSource::Local { path, file, .. } => {
                let mut part = vec![0; usize::try_from(end - start).unwrap_or(usize::MAX)];
                file.read_exact_at(&mut part, start).map_err(Error::io(path, "read"))?;
                Ok(part.into())
            }
            PartSource::Stored { mount, name, bytes, blocks } => {
                let bytes = *bytes;
                let blocks = || blocks.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(part) = blocks().iter().find_map(|block| within(block, start, end)) {
                    return Ok(part);
                }
                if end - start > BLOCK {
                    return mount.remote.get_range(name, start..end);
                }
                // A reader of a footer begins with the last bytes and goes back.
                let first = start.min(bytes.saturating_sub(BLOCK));
                let last = bytes.min(first + BLOCK).max(end);
                let block = (first, mount.remote.get_range(name, first..last)?);
                let part = within(&block, start, end).unwrap_or_default();
                let mut blocks = blocks();
                if blocks.len() == BLOCKS {
                    blocks.pop_front();
                }
                blocks.push_back(block);
                Ok(part)
            }
        }
    }
}

/// The part of a block, if the block contains it.
fn within((first, block): &(u64, Bytes), start: u64, end: u64) -> Option<Bytes> {
    let from = usize::try_from(start.checked_sub(*first)?).ok()?;
    let to = usize::try_from(end.checked_sub(*first)?).ok()?;
    (to <= block.len()).then(|| block.slice(from..to))
}
