//! One writer per place: an advisory lock on a file.
//!
//! Two overlapping cron runs, or a user and cron, must not write the same directory at the same
//! time. The lock belongs to the operating system (`flock`). It disappears with the process,
//! however the process ends, so nobody ever has to delete a stale lock. The file stays, and its
//! existence means nothing. It contains the name of the lock's holder, for the error message.

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
}

impl Lock {
    /// Locks `path` without waiting, and creates the file and its directory if necessary.
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
        // Do not remove the file: a waiting process would lock a file that has no name any more.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
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

    /// Catches: a file from a killed run, with old text but no lock, blocks the next run.
    #[test]
    fn leftover_file_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, "genie-train 0.0.1, process 999999, since long ago").unwrap();
        Lock::acquire(&path).unwrap();
    }
}
