//! One writer per place: an advisory lock on a file.
//!
//! Two overlapping cron runs, or a user and cron, must not write the same directory at the same
//! time. The lock belongs to the operating system (`flock`). It disappears with the process,
//! however the process ends, so nobody ever has to delete a stale lock. The file stays, and its
//! existence means nothing. It contains the name of the lock's holder, for the error message.
//!
//! The processes of an array job write one directory together ([`crate::share`]). They hold the
//! lock together, and a run that does not belong to them is refused until all have ended.
//!
//! A training reads files for hours, and `gc` must not delete them meanwhile. [`InUse`] is a lock
//! that any number of readers hold. Writers do not look at it: they replace files, and the old ones
//! stay until `gc`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// The lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A live process holds the lock: exit code 75.
    #[error(
        "{} is locked by another run ({holder}); wait for it to end, or stop it, then try again",
        path.display()
    )]
    Held { path: PathBuf, holder: String },
    #[error(
        "cannot lock {}; check that you may write there and that the file system supports locks",
        path.display()
    )]
    Io { path: PathBuf, source: io::Error },
}

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    file: File,
    is_shared: bool,
}

impl Lock {
    /// Locks `path` without waiting, and creates the file and its directory if necessary.
    pub fn acquire(path: impl AsRef<Path>) -> Result<Self, LockError> {
        Self::take(path.as_ref(), false)
    }

    /// Does the same as [`Self::acquire`], together with others that share the lock.
    pub fn share(path: impl AsRef<Path>) -> Result<Self, LockError> {
        Self::take(path.as_ref(), true)
    }

    fn take(path: &Path, is_shared: bool) -> Result<Self, LockError> {
        let io_error = |source| LockError::Io { path: path.to_owned(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io_error)?;
        }
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(io_error)?;
        let locked = if is_shared { file.try_lock_shared() } else { file.try_lock() };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { path: path.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        sign(&mut file).map_err(io_error)?;
        Ok(Self { file, is_shared })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Do not remove the file: a waiting process would lock a file that has no name any more.
        if !self.is_shared {
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}

/// A directory that is marked as being read; dropping it removes the mark.
#[derive(Debug)]
pub struct InUse {
    /// `None` if the directory has no such file, and this process may not create it.
    _file: Option<File>,
}

impl InUse {
    /// Marks `dir` as being read, and waits while `gc` is deleting files there.
    ///
    /// A process without permission to write locks the file that another process created. If there
    /// is no such file, or no `dir`, nothing is marked, and this is not an error.
    pub fn mark(dir: impl AsRef<Path>) -> Result<Self, LockError> {
        let path = readers(dir.as_ref());
        let io_error = |source| LockError::Io { path: path.clone(), source };
        // NFS grants a shared lock only to those who opened the file for reading.
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if is_denied(&error) => match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                opened => Some(opened.map_err(io_error)?),
            },
            opened => Some(opened.map_err(io_error)?),
        };
        if let Some(file) = &file {
            file.lock_shared().map_err(io_error)?;
        }
        Ok(Self { _file: file })
    }

    /// Keeps readers of `dir` waiting until the lock is dropped.
    ///
    /// # Errors
    /// [`LockError::Held`] if `dir` is being read.
    pub fn exclude(dir: impl AsRef<Path>) -> Result<Lock, LockError> {
        Lock::acquire(readers(dir.as_ref()))
    }
}

/// The file that readers of a directory lock.
fn readers(dir: &Path) -> PathBuf {
    dir.join(".readers.lock")
}

/// Whether a file was not opened because this process may not write there.
fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Writes the tool, the process id and the time into the locked file.
fn sign(file: &mut File) -> io::Result<()> {
    let pid = std::process::id();
    let since = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
    let tool = crate::lineage::tool_version();
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{tool}, process {pid}, since {since}")
}

/// Reads the holder's name. The holder may not have written it yet.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Catches: two runs write to the same place; a lock stays after its holder ended.
    #[test]
    fn second_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("models/.lock");
        let first = Lock::acquire(&path).unwrap();
        let refused = Lock::acquire(&path).unwrap_err();
        let pid = format!("process {}", std::process::id());
        assert!(refused.to_string().contains(&pid), "{refused}");
        drop(first);
        Lock::acquire(&path).unwrap();
    }

    /// Catches: the processes of an array job exclude each other; a run that finishes the step
    /// works beside them.
    #[test]
    fn an_array_shares_a_lock_and_excludes_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let (one, two) = (Lock::share(&path).unwrap(), Lock::share(&path).unwrap());
        drop(one);
        assert!(matches!(Lock::acquire(&path), Err(LockError::Held { .. })));
        drop(two);
        let alone = Lock::acquire(&path).unwrap();
        assert!(matches!(Lock::share(&path), Err(LockError::Held { .. })));
        drop(alone);
    }

    /// Catches: `gc` deletes files that one of two trainings still reads; two trainings exclude
    /// each other; a directory is in use for ever.
    #[test]
    fn a_directory_is_in_use_until_its_last_reader_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (InUse::mark(dir.path()).unwrap(), InUse::mark(dir.path()).unwrap());
        drop(one);
        assert!(matches!(InUse::exclude(dir.path()), Err(LockError::Held { .. })));
        drop(two);
        InUse::exclude(dir.path()).unwrap();
    }

    /// Catches: a process without permission to write cannot read a dataset; `gc` deletes files
    /// that such a process reads, although the lock file exists.
    ///
    /// Root may write everywhere, so as root this test says little.
    #[test]
    fn reading_needs_no_permission_to_write() {
        let permit = |path: &Path, writing: bool| {
            let mut permissions = fs::metadata(path).unwrap().permissions();
            let mode = permissions.mode();
            permissions.set_mode(if writing { mode | 0o200 } else { mode & !0o222 });
            fs::set_permissions(path, permissions).unwrap();
        };
        let dir = tempfile::tempdir().unwrap();
        permit(dir.path(), false);
        let unmarked = InUse::mark(dir.path());
        permit(dir.path(), true);
        drop(unmarked.unwrap());

        let path = readers(dir.path());
        fs::write(&path, "").unwrap();
        permit(&path, false);
        let reader = InUse::mark(dir.path()).unwrap();
        permit(&path, true);
        assert!(matches!(InUse::exclude(dir.path()), Err(LockError::Held { .. })));
        drop(reader);
        InUse::exclude(dir.path()).unwrap();
    }

    /// Catches: a file from a killed run, with old text but no lock, blocks the next run.
    #[test]
    fn leftover_file_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "genie-train 0.0.1, process 999999, since long ago").unwrap();
        Lock::acquire(&path).unwrap();
    }
}
