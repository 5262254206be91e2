//! Commits: each creates the next version of a manifest.
//!
//! A commit writes a segment if the newest changes are many, and then runs a list of file
//! operations in order. Each of them happens whole or not at all, and after each of them a reader
//! finds the old version or the new one. Readers take no lock. One that meets a version or a
//! segment that was just removed begins again with the newer version.

use camino::{Utf8Path, Utf8PathBuf};
use genie_durable::{FileLock, LockMode};

use super::{alone, change::Change, edit::ManifestEdit, marker, version, version::Version};
use crate::error::Result;

/// Name of the lock file that writers hold, of all formats.
pub(crate) const LOCK: &str = ".manifest.lock";

/// A step of a commit.
pub(crate) enum FileOperation {
    /// Replaces a file.
    Write(Utf8PathBuf, String),
    /// Notes that a file is unused from now on, if that is possible.
    Touch(Utf8PathBuf),
    /// Creates a file. If it exists, another process has made this version, and the commit ends.
    Create(Utf8PathBuf, String),
    /// Removes the older version files; the created one, if there is a newer one.
    ///
    /// In the second case, the commit ends, and the edit runs again.
    /// Two later commits of other processes may have created and removed a version with the same
    /// number. Then the file that was just created is not the newest version.
    KeepNewest { dir: Utf8PathBuf, version: Utf8PathBuf },
    /// Notes which version is the newest one, for a run that expects no other writer.
    Note { dir: Utf8PathBuf, number: u64 },
    /// Replaces a file, if that is possible. The next commit tries it again.
    TryWrite(Utf8PathBuf, String),
    /// Removes a file, if that is possible.
    Remove(Utf8PathBuf),
}

/// Edits the manifest of a directory under its lock.
///
/// `edit` runs again if another process makes the same version, or a newer one, without the lock.
pub(crate) fn commit(dir: &Utf8Path, edit: impl Fn(&mut ManifestEdit<'_>)) -> Result<()> {
    let _lock = FileLock::wait(dir.join(LOCK), LockMode::Exclusive)?;
    let mut turn = genie_store::WriterTurn::begin(dir);
    loop {
        let base = Version::newest(dir)?;
        match prepare(dir, &base, &edit) {
            Ok(None) => break,
            Ok(Some(operations)) => {
                if run(operations)? {
                    break;
                }
            }
            // Another process made a newer version meanwhile, and removed a segment of the old one.
            Err(_) if Version::newest(dir)?.number != base.number => {}
            Err(error) => return Err(error),
        }
        turn.lost();
    }
    Ok(())
}

/// The file operations that commit an edit of `base`; `None` if the edit changes nothing.
///
/// Every newly named file must exist. New segments are written already.
pub(crate) fn prepare(
    dir: &Utf8Path,
    base: &Version,
    edit: impl Fn(&mut ManifestEdit<'_>),
) -> Result<Option<Vec<FileOperation>>> {
    alone::check(dir, base.number)?;
    let mut edited = ManifestEdit::new(dir, base);
    edit(&mut edited);
    let changes = edited.finish()?;
    if changes.is_empty() {
        return Ok(None);
    }
    changes.iter().filter(|change| !change.removed).try_for_each(|new| check(dir, new))?;
    // `gc` deletes unnamed files by age, and a reader may have opened the dataset just before this.
    let lost = changes.iter().filter(|change| change.removed);
    let lost = lost.filter(|change| change.entry.check_path(dir).is_ok());
    let mut operations: Vec<FileOperation> =
        lost.map(|change| FileOperation::Touch(dir.join(&change.entry.file))).collect();
    let next = base.next(dir, changes)?;
    if base.number == 0 {
        let text = marker::before_versions(dir)?;
        operations.extend(text.map(|text| FileOperation::Write(marker::path(dir), text)));
    }
    let version = next.path(dir);
    operations.push(FileOperation::Create(version.clone(), next.to_text(dir)?));
    operations.push(FileOperation::KeepNewest { dir: dir.to_owned(), version });
    operations.push(FileOperation::Note { dir: dir.to_owned(), number: next.number });
    // No program of version 0.1 reads a store, so there the file cannot have become an old one.
    if base.number == 0 || !genie_store::is_mounted(dir) {
        let text = marker::beside_versions(dir);
        operations.extend(text.map(|text| FileOperation::TryWrite(marker::path(dir), text)));
    }
    let needed = next.segment_files(dir);
    let old = base.segment_files(dir).into_iter().filter(|path| !needed.contains(path));
    operations.extend(old.map(FileOperation::Remove));
    Ok(Some(operations))
}

/// Runs file operations; false if the version, or a newer one, exists already.
pub(crate) fn run(operations: Vec<FileOperation>) -> Result<bool> {
    for operation in operations {
        match operation {
            FileOperation::Write(path, text) => genie_store::write(&path, text)?,
            FileOperation::Touch(path) => genie_store::mark_unused(&path),
            FileOperation::Create(path, text) => {
                if !genie_store::create(&path, text)? {
                    return Ok(false);
                }
            }
            FileOperation::KeepNewest { dir, version } => {
                // The names of versions count down.
                let others = version::files(&dir)?;
                if others.iter().any(|other| *other < version) {
                    drop(genie_store::remove_file(&version));
                    return Ok(false);
                }
                for old in others.iter().filter(|other| **other > version) {
                    drop(genie_store::remove_file(old));
                }
            }
            FileOperation::Note { dir, number } => alone::note(&dir, number),
            FileOperation::TryWrite(path, text) => {
                // The commit is done, so an error here must not look like a failed commit.
                if let Err(error) = genie_store::write(&path, text) {
                    tracing::warn!("{error}; the next commit tries to write `{path}` again");
                }
            }
            // A file that cannot be removed is garbage, which `gc` removes.
            FileOperation::Remove(path) => drop(genie_store::remove_file(&path)),
        }
    }
    Ok(true)
}

/// Checks that a new file is inside the directory and has the size of its entry; uploads it.
fn check(dir: &Utf8Path, new: &Change) -> Result<()> {
    new.entry.check_path(&Version::folder(dir))?;
    let path = dir.join(&new.entry.file);
    Ok(genie_store::publish(&path, new.entry.bytes, &new.entry.blake3)?)
}
