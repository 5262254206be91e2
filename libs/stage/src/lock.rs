//! One writer per place, and files that stay while they are read.
//!
//! Two overlapping cron runs, or a user and cron, must not write the same directory at the same
//! time. All locks between processes are [`FileLock`]s of `genie_durable`. They differ in who
//! excludes whom:
//!
//! | lock | held by | until | others |
//! |---|---|---|---|
//! | [`Lock::acquire`] | a run that writes a directory | it ends | end with 75 |
//! | [`Lock::share`] | the processes of an array job ([`crate::share`]) | they end | share it |
//! | [`InUse::mark`] | all who read the files of a manifest | the last read | share it |
//! | [`InUse::exclude`] | `gc`, unless somebody reads | it has deleted | wait |
//! | `.manifest.lock` (`genie_shards`) | a commit | it is done | wait |
//! | `.pull.lock` (`genie_store`) | who fetches a step's directory | it is copied | wait |
//!
//! Writers do not look at [`InUse`]: they replace files, and the old ones stay until `gc`.
//!
//! A lock says nothing about other machines. There, `genie_shards::Alone` notices that another
//! machine has committed to the same manifest. It is no lock: it excludes nobody.

use camino::{Utf8Path, Utf8PathBuf};
use genie_durable::{FileLock, LockMode};
use jiff::Timestamp;

/// The lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A live process holds the lock: exit code 75.
    #[error(
        "{path} is locked by another run ({holder}); wait for it to end, or stop it, then try again"
    )]
    Held { path: Utf8PathBuf, holder: String },
    #[error(
        "cannot lock {path}; check that you may write there and that the file system supports locks"
    )]
    Failed { path: Utf8PathBuf, source: genie_durable::Error },
}

impl LockError {
    fn failed(path: &Utf8Path) -> impl FnOnce(genie_durable::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Failed { path, source }
    }
}

/// A held lock; dropping it releases it.
#[derive(Debug)]
pub struct Lock {
    _file: FileLock,
}

impl Lock {
    /// Locks `path` without waiting, and creates the file and its directory if necessary.
    pub fn acquire(path: impl AsRef<Utf8Path>) -> Result<Self, LockError> {
        Self::take(path.as_ref(), LockMode::Exclusive)
    }

    /// Does the same as [`Self::acquire`], together with others that share the lock.
    pub fn share(path: impl AsRef<Utf8Path>) -> Result<Self, LockError> {
        Self::take(path.as_ref(), LockMode::Shared)
    }

    fn take(path: &Utf8Path, mode: LockMode) -> Result<Self, LockError> {
        let taken = FileLock::attempt(path, mode).map_err(LockError::failed(path))?;
        let Some(mut file) = taken else {
            return Err(LockError::Held { path: path.to_owned(), holder: holder(path) });
        };
        file.write_holder(&signature()).map_err(LockError::failed(path))?;
        Ok(Self { _file: file })
    }
}

/// A directory that is marked as being read; dropping it removes the mark.
#[derive(Debug)]
pub struct InUse {
    /// `None` if the directory has no such file, and this process may not create it.
    _file: Option<FileLock>,
}

impl InUse {
    /// Marks `dir` as being read, and waits while `gc` is deleting files there.
    ///
    /// Call it before the manifest is read: `gc` then deletes no file that this manifest names.
    ///
    /// A process without permission to write locks the file that another process created. If there
    /// is no such file, or no `dir`, nothing is marked, and this is not an error.
    pub fn mark(dir: impl AsRef<Utf8Path>) -> Result<Self, LockError> {
        let path = readers(dir.as_ref());
        let file = FileLock::wait_as_reader(&path).map_err(LockError::failed(&path))?;
        Ok(Self { _file: file })
    }

    /// Keeps readers of `dir` waiting until the lock is dropped.
    ///
    /// # Errors
    /// [`LockError::Held`] if `dir` is being read.
    pub fn exclude(dir: impl AsRef<Utf8Path>) -> Result<Lock, LockError> {
        Lock::acquire(readers(dir.as_ref()))
    }
}

/// The file that readers of a directory lock.
fn readers(dir: &Utf8Path) -> Utf8PathBuf {
    dir.join(".readers.lock")
}

/// The tool, the process id and the time, for the content of the locked file.
fn signature() -> String {
    let pid = std::process::id();
    let since = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
    let tool = crate::lineage::tool_version();
    format!("{tool}, process {pid}, since {since}\n")
}

/// Reads the holder's name. The holder may not have written it yet.
fn holder(path: &Utf8Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        (guard, path)
    }

    /// Catches: two runs write to the same place; a lock stays after its holder ended.
    #[test]
    fn second_is_refused_until_the_first_is_gone() {
        let (_guard, dir) = temporary();
        let path = dir.join("models/.lock");
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
        let (_guard, dir) = temporary();
        let path = dir.join("lock");
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
        let (_guard, dir) = temporary();
        let (one, two) = (InUse::mark(&dir).unwrap(), InUse::mark(&dir).unwrap());
        drop(one);
        assert!(matches!(InUse::exclude(&dir), Err(LockError::Held { .. })));
        drop(two);
        InUse::exclude(&dir).unwrap();
    }

    /// Catches: a process without permission to write cannot read a dataset; `gc` deletes files
    /// that such a process reads, although the lock file exists.
    ///
    /// Root may write everywhere, so as root this test says little.
    #[test]
    fn reading_needs_no_permission_to_write() {
        let permit = |path: &Utf8Path, writing: bool| {
            let mut permissions = fs::metadata(path).unwrap().permissions();
            let mode = permissions.mode();
            permissions.set_mode(if writing { mode | 0o200 } else { mode & !0o222 });
            fs::set_permissions(path, permissions).unwrap();
        };
        let (_guard, dir) = temporary();
        permit(&dir, false);
        let unmarked = InUse::mark(&dir);
        permit(&dir, true);
        drop(unmarked.unwrap());

        let path = readers(&dir);
        fs::write(&path, "").unwrap();
        permit(&path, false);
        let reader = InUse::mark(&dir).unwrap();
        permit(&path, true);
        assert!(matches!(InUse::exclude(&dir), Err(LockError::Held { .. })));
        drop(reader);
        InUse::exclude(&dir).unwrap();
    }

    /// Catches: a file from a killed run, with old text but no lock, blocks the next run.
    #[test]
    fn leftover_file_does_not_block() {
        let (_guard, dir) = temporary();
        let path = dir.join("lock");
        fs::write(&path, "genie-train 0.0.1, process 999999, since long ago").unwrap();
        Lock::acquire(&path).unwrap();
    }
}
