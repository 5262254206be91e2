//! One writer a place: an advisory lock on a file.
//!
//! Two cron runs that overlap, or a user beside cron, must not write the same directory at once. The lock is the
//! operating system's (`flock`): it goes when the process goes, however it dies, so there is never a stale lock to
//! delete by hand. The file stays; only the lock on it means anything. Who holds it is written inside, for the
//! message.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// The place could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A live process holds it: exit code 75.
    #[error("{} is locked by another run ({holder}); wait for it to end, or stop it, and run this again", path.display())]
    Held { path: PathBuf, holder: String },
    #[error("cannot lock {}: is it on a file system that supports locks, and may this user write there?", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A held lock; released when dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Locks `path`, creating the file and its directory if need be. Does not wait.
    pub fn acquire(path: impl AsRef<Path>) -> Result<Self, LockError> {
        let path = path.as_ref();
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
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { path: path.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(source)),
        }
        sign(&mut file).map_err(io_error)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removing the file instead would let a waiting process lock a file that has no name any more.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

/// Writes who we are into the locked file.
fn sign(file: &mut File) -> io::Result<()> {
    let pid = std::process::id();
    let since = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
    let tool = crate::lineage::tool_version();
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{tool}, process {pid}, since {since}")
}

/// Who wrote themselves into the file; it may be about to.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit;

    /// Would catch: two runs writing one place; a lock that outlives its holder; exit code 1 instead of 75.
    #[test]
    fn second_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("models/.lock");
        let first = Lock::acquire(&path).unwrap();
        let refused = Lock::acquire(&path).unwrap_err();
        let pid = format!("process {}", std::process::id());
        assert!(refused.to_string().contains(&pid), "{refused}");
        assert_eq!(exit::code_of(&refused.into()), exit::LOCKED);
        drop(first);
        Lock::acquire(&path).unwrap();
    }

    /// Would catch: a file left behind by a killed run (no lock on it, only old words) blocking the next.
    #[test]
    fn leftover_file_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "genie-train 0.0.1, process 999999, since long ago").unwrap();
        Lock::acquire(&path).unwrap();
    }
}
