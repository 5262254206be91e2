//! Flushes files and directories to the disk.

use std::fs::File;

use camino::Utf8Path;

use crate::error::{Error, Result};

/// Flushes an existing file to the disk.
pub(crate) fn sync_file(path: &Utf8Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::of(path, "fsync"))
}

/// Makes the creations, renames and removals in a directory durable.
pub(crate) fn sync_dir(dir: &Utf8Path) -> Result<()> {
    let opened = File::open(if dir.as_str().is_empty() { Utf8Path::new(".") } else { dir });
    opened.and_then(|file| file.sync_all()).map_err(Error::of(dir, "fsync the directory"))
}

/// The directory that contains `path`; empty for the current directory.
pub(crate) fn parent_of(path: &Utf8Path) -> &Utf8Path {
    path.parent().unwrap_or(Utf8Path::new(""))
}
