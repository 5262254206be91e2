//! Single files and folders, by path: of a mounted dataset, or plain ones.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    time::SystemTime,
};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    error::{Error, Result},
    mounts::{Mounted, find},
};

/// What the name of an object that marks another one as unused ends with.
const UNUSED: &str = ".unused";

/// What a directory contains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    pub files: Vec<Utf8PathBuf>,
    pub directories: Vec<Utf8PathBuf>,
}

/// The size of a file or of a directory's files, and the time since which it may be unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    pub bytes: u64,
    pub unused_since: SystemTime,
}

/// The content of a file; `None` if it does not exist.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Utf8Path) -> Result<Option<Vec<u8>>> {
    match find(path) {
        Some(Mounted { mount, name }) => Ok(mount.remote.get(&name)?.map(Into::into)),
        None => unless_missing(fs::read(path)).map_err(Error::io(path, "read")),
    }
}

/// Writes a file whole, and creates missing parent directories.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Utf8Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(Mounted { mount, name }) = find(path) {
        mount.remote.put(&name, &content.as_ref().to_vec().into())?;
    }
    // After the upload, so that a copy never contains what the store does not.
    Ok(genie_durable::write(path, content)?)
}

/// Writes a new file whole; false if there is one with this name, which then stays as it is.
///
/// Of several writers with different contents, on any machines, exactly one gets true.
///
/// # Errors
/// If it cannot be written.
pub fn create(path: &Utf8Path, content: impl AsRef<[u8]>) -> Result<bool> {
    match find(path) {
        Some(Mounted { mount, name }) => {
            mount.remote.create(&name, &content.as_ref().to_vec().into())
        }
        None => Ok(genie_durable::create(path, content)?),
    }
}

/// Adds a line to the end of a file, and creates the file and its directory.
///
/// In a store, two writers that add a line at the same moment may lose one of the lines.
///
/// # Errors
/// If it cannot be written.
pub fn append(path: &Utf8Path, line: &str) -> Result<()> {
    let line = format!("{line}\n");
    if find(path).is_some() {
        let mut content = read(path)?.unwrap_or_default();
        content.extend(line.into_bytes());
        return write(path, content);
    }
    if let Some(dir) = path.parent() {
        genie_durable::create_dir(dir)?;
    }
    let file = File::options().create(true).append(true).open(path);
    let mut file = file.map_err(Error::io(path, "open"))?;
    // One write, so that the lines of two concurrent runs do not mix.
    file.write_all(line.as_bytes()).map_err(Error::io(path, "write"))
}

/// Makes the copy of a small file equal to the file in the store; false if it does not exist.
///
/// # Errors
/// If it cannot be read or copied.
pub fn refresh(path: &Utf8Path) -> Result<bool> {
    if find(path).is_none() {
        return Ok(path.is_file());
    }
    let Some(content) = read(path)? else {
        remove_copy(path)?;
        return Ok(false);
    };
    genie_durable::write(path, content)?;
    Ok(true)
}

/// What a directory contains; nothing if it does not exist.
///
/// # Errors
/// If it cannot be listed.
pub fn list(dir: &Utf8Path) -> Result<Listing> {
    let mut listing = Listing::default();
    if let Some(Mounted { mount, name }) = find(dir) {
        let below = mount.remote.below(&name)?;
        listing.files = below.objects.iter().map(|name| dir.join(name)).collect();
        listing.directories = below.prefixes.iter().map(|name| dir.join(name)).collect();
    } else {
        let failed = || Error::io(dir, "list the directory");
        let Some(items) = unless_missing(dir.read_dir_utf8()).map_err(failed())? else {
            return Ok(listing);
        };
        for item in items {
            let path = item.map_err(failed())?.into_path();
            // As `is_dir`, this follows links.
            let is_dir = path.is_dir();
            if is_dir { &mut listing.directories } else { &mut listing.files }.push(path);
        }
    }
    listing.files.sort();
    listing.directories.sort();
    Ok(listing)
}

/// Size and age of a file or directory; `None` if it does not exist.
///
/// # Errors
/// If it cannot be inspected.
pub fn inspect(path: &Utf8Path) -> Result<Option<Inspected>> {
    if let Some(Mounted { mount, name }) = find(path)
        && let Some(object) = mount.remote.head(&name)?
    {
        let uploaded = SystemTime::from(object.last_modified);
        let marked = mount.remote.head(&format!("{name}{UNUSED}"))?;
        let unused_since = marked.map_or(uploaded, |mark| uploaded.max(mark.last_modified.into()));
        return Ok(Some(Inspected { bytes: object.size, unused_since }));
    }
    let failed = || Error::io(path, "inspect");
    let Some(found) = unless_missing(fs::metadata(path)).map_err(failed())? else {
        return Ok(None);
    };
    // Without a time, the file counts as young.
    let unused_since = found.modified().unwrap_or_else(|_| SystemTime::now());
    Ok(Some(Inspected { bytes: size(path)?, unused_since }))
}

/// Notes that a published file lost its entry in a manifest just now.
///
/// `gc` removes it after a time, because a reader may still use it. A failure only lets `gc` remove
/// it earlier.
pub fn mark_unused(path: &Utf8Path) {
    match find(path) {
        Some(Mounted { mount, name }) => {
            if let Err(error) = mount.remote.put(&format!("{name}{UNUSED}"), &Bytes::new()) {
                tracing::warn!("{error}");
            }
        }
        None => drop(File::open(path).and_then(|file| file.set_modified(SystemTime::now()))),
    }
}

/// Since when another machine may know that nobody needs a directory; `None` if it is not marked.
///
/// On one machine, locks say who uses a directory. So a plain one counts as marked for ever.
///
/// # Errors
/// If the store cannot be asked.
pub fn unused_since(dir: &Utf8Path) -> Result<Option<SystemTime>> {
    let Some(Mounted { mount, name }) = find(dir) else { return Ok(Some(SystemTime::UNIX_EPOCH)) };
    let marked = mount.remote.head(&format!("{name}{UNUSED}"))?;
    Ok(marked.map(|mark| mark.last_modified.into()))
}

/// Removes the mark of a directory that is used again.
///
/// # Errors
/// If it cannot be removed.
pub fn mark_used(dir: &Utf8Path) -> Result<()> {
    match find(dir) {
        Some(Mounted { mount, name }) => mount.remote.delete(&[format!("{name}{UNUSED}")]),
        None => Ok(()),
    }
}

/// Removes a file; one that does not exist is not an error.
///
/// # Errors
/// If it cannot be removed.
pub fn remove_file(path: &Utf8Path) -> Result<()> {
    if let Some(Mounted { mount, name }) = find(path) {
        mount.remote.delete(&[name])?;
    }
    remove_copy(path)
}

/// Removes a directory with all its content; one that does not exist is not an error.
///
/// # Errors
/// If it cannot be removed.
pub fn remove_dir(dir: &Utf8Path) -> Result<()> {
    if let Some(Mounted { mount, name }) = find(dir) {
        let all = mount.remote.all_below(&name)?;
        let names = all.into_iter().map(|(below, _)| format!("{name}/{below}"));
        mount.remote.delete(&names.chain([format!("{name}{UNUSED}")]).collect::<Vec<_>>())?;
    }
    Ok(genie_durable::remove_dir(dir)?)
}

/// Removes a file or directory that [`inspect`] found; false if it is gone already.
///
/// # Errors
/// If it cannot be removed.
pub fn discard(path: &Utf8Path) -> Result<bool> {
    if path.is_dir() {
        // Only directories of temporary files come here, which no store contains.
        return Ok(unless_missing(fs::remove_dir_all(path))
            .map_err(Error::io(path, "remove"))?
            .is_some());
    }
    if let Some(Mounted { mount, name }) = find(path) {
        let mark = format!("{name}{UNUSED}");
        mount.remote.delete(&[name, mark])?;
        remove_copy(path)?;
        return Ok(true);
    }
    Ok(unless_missing(fs::remove_file(path)).map_err(Error::io(path, "remove"))?.is_some())
}

fn remove_copy(path: &Utf8Path) -> Result<()> {
    unless_missing(fs::remove_file(path)).map(drop).map_err(Error::io(path, "remove"))
}

/// The size of a file, or of all files below a directory. What is gone has the size 0.
fn size(path: &Utf8Path) -> Result<u64> {
    let found = unless_missing(fs::metadata(path)).map_err(Error::io(path, "inspect"))?;
    let Some(found) = found else { return Ok(0) };
    if !found.is_dir() {
        return Ok(found.len());
    }
    let failed = || Error::io(path, "list the directory");
    let Some(items) = unless_missing(path.read_dir_utf8()).map_err(failed())? else {
        return Ok(0);
    };
    let sizes = items.map(|item| match unless_missing(item).map_err(failed())? {
        Some(item) => size(item.path()),
        None => Ok(0),
    });
    sizes.sum()
}

/// `None` if the file or directory does not exist.
pub(crate) fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
