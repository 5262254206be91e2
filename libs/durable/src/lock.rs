//! Locks of files: which processes of one machine may do something at the same time.
//!
//! A lock belongs to the operating system (`flock`). It disappears with the process, however the
//! process ends, so nobody ever has to delete a stale lock. The locked file stays, and that it
//! exists means nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};

use camino::{Utf8Path, Utf8PathBuf};

use crate::dir::create_dir;
use crate::error::{Error, Result};
use crate::sync::parent_of;

/// Who may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// One process alone.
    Exclusive,
    /// Any number of processes that share it.
    Shared,
}

/// A locked file; dropping it releases the lock.
#[derive(Debug)]
pub struct FileLock {
    path: Utf8PathBuf,
    file: File,
    mode: LockMode,
    /// Whether the file says who holds the lock.
    has_holder: bool,
}

impl FileLock {
    /// Waits until the lock of a file is free, and takes it.
    ///
    /// Creates the file and its directory if necessary.
    ///
    /// # Errors
    /// If the file cannot be created or locked.
    pub fn wait(path: impl AsRef<Utf8Path>, mode: LockMode) -> Result<Self> {
        let path = path.as_ref();
        Self::take(path, created(path)?, mode)
    }

    /// Does the same as [`Self::wait`] without waiting; `None` if another process holds the lock.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn attempt(path: impl AsRef<Utf8Path>, mode: LockMode) -> Result<Option<Self>> {
        let path = path.as_ref();
        let file = created(path)?;
        let locked = match mode {
            LockMode::Exclusive => file.try_lock(),
            LockMode::Shared => file.try_lock_shared(),
        };
        match locked {
            Ok(()) => Ok(Some(Self::new(path, file, mode))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::of(path, "lock")(error)),
        }
    }

    /// Waits for a shared lock; a process without permission to write needs an existing file.
    ///
    /// Returns `None` if there is no file and this process may not create it, or if there is no
    /// directory.
    ///
    /// # Errors
    /// If the file cannot be opened or locked for another reason.
    pub fn wait_as_reader(path: impl AsRef<Utf8Path>) -> Result<Option<Self>> {
        let path = path.as_ref();
        let file = match options().open(path) {
            Err(error) if is_denied(&error) => File::open(path),
            opened => opened,
        };
        match file {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::of(path, "open")(error)),
            Ok(file) => Self::take(path, file, LockMode::Shared).map(Some),
        }
    }

    fn take(path: &Utf8Path, file: File, mode: LockMode) -> Result<Self> {
        let locked = match mode {
            LockMode::Exclusive => file.lock(),
            LockMode::Shared => file.lock_shared(),
        };
        locked.map_err(Error::of(path, "lock"))?;
        Ok(Self::new(path, file, mode))
    }

    fn new(path: &Utf8Path, file: File, mode: LockMode) -> Self {
        Self { path: path.to_owned(), file, mode, has_holder: false }
    }

    /// Replaces the content of the file, for processes that do not get the lock.
    ///
    /// An exclusive lock removes it when it is released.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_holder(&mut self, text: &str) -> Result<()> {
        self.has_holder = true;
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(text.as_bytes())
        };
        write().map_err(Error::of(&self.path, "write"))
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Do not remove the file: a waiting process would lock a file that has no name any more.
        if self.has_holder && self.mode == LockMode::Exclusive {
            let _ = self.file.set_len(0);
        }
        let _ = self.file.unlock();
    }
}

/// Opens the file of a lock, and creates it and its directory if necessary.
fn created(path: &Utf8Path) -> Result<File> {
    create_dir(parent_of(path))?;
    options().open(path).map_err(Error::of(path, "open"))
}

fn options() -> OpenOptions {
    let mut options = File::options();
    // NFS grants a shared lock only to those who opened the file for reading.
    options.create(true).truncate(false).read(true).write(true);
    options
}

/// Whether a file was not opened because this process may not write there.
fn is_denied(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::dir::tests::temporary;

    /// Catches: a process that waits gets the lock while another one holds it, or never gets it.
    #[test]
    fn who_waits_gets_the_lock_after_its_holder() {
        let (_guard, root) = temporary();
        let path = root.join("some/lock");
        let held = FileLock::wait(&path, LockMode::Exclusive).unwrap();
        assert!(FileLock::attempt(&path, LockMode::Shared).unwrap().is_none());
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let lock = FileLock::wait(&path, LockMode::Exclusive).unwrap();
                sender.send("second").unwrap();
                drop(lock);
            });
            assert!(receiver.try_recv().is_err());
            drop(held);
            assert_eq!(receiver.recv().unwrap(), "second");
        });
        assert!(FileLock::attempt(&path, LockMode::Exclusive).unwrap().is_some());
    }

    /// Catches: the holder's name is lost while the lock is held, mixed with an older one, or stays
    /// after the lock was released.
    #[test]
    fn the_file_names_the_holder() {
        let (_guard, root) = temporary();
        let path = root.join("lock");
        fs::write(&path, "a holder that was killed long ago").unwrap();
        let mut lock = FileLock::wait(&path, LockMode::Exclusive).unwrap();
        lock.write_holder("me").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "me");
        drop(lock);
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    /// Catches: reading a directory that does not exist creates it, or is an error.
    #[test]
    fn a_reader_creates_no_directory() {
        let (_guard, root) = temporary();
        assert!(FileLock::wait_as_reader(root.join("none/lock")).unwrap().is_none());
        assert!(!root.join("none").exists());
        let reader = FileLock::wait_as_reader(root.join("lock")).unwrap().unwrap();
        assert!(FileLock::attempt(root.join("lock"), LockMode::Shared).unwrap().is_some());
        assert!(FileLock::attempt(root.join("lock"), LockMode::Exclusive).unwrap().is_none());
        drop(reader);
        assert!(FileLock::attempt(root.join("lock"), LockMode::Exclusive).unwrap().is_some());
    }
}
