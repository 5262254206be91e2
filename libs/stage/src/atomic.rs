//! Files that appear whole or not at all.
//!
//! A killed run must leave nothing that looks finished, so nothing is written in place: the bytes go to a temporary
//! sibling (same directory, hence same file system), are flushed to the disk, renamed over the target, and the
//! directory is flushed too, because a rename is only durable once its directory is.
//!
//! Guarantees: a reader sees the old content or the new, never a mixture; after `Ok` a power cut keeps the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file could not be put in place. Whatever was at the path before is still there.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {action} failed", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    /// The step that failed, as a noun phrase: "creating the directory", "renaming".
    pub action: &'static str,
    pub source: io::Error,
}

/// Writes `bytes` to `path` atomically and durably, creating missing parent directories.
pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
    let path = path.as_ref();
    let failed = |action| move |source| WriteError { path: path.to_owned(), action, source };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed("creating its directory"))?;
    let mut temporary = temporary_in(parent).map_err(failed("creating a temporary file"))?;
    temporary.write_all(bytes.as_ref()).map_err(failed("writing a temporary file"))?;
    temporary.as_file().sync_all().map_err(failed("flushing to disk"))?;
    temporary.persist(path).map_err(|error| failed("renaming")(error.error))?;
    sync_dir(parent).map_err(failed("flushing its directory"))
}

/// Makes renames and removals in `dir` durable.
pub fn sync_dir(dir: impl AsRef<Path>) -> io::Result<()> {
    File::open(dir.as_ref())?.sync_all()
}

/// A temporary sibling with the permissions an ordinary new file has. (`tempfile` alone makes it 0600: the output
/// would be unreadable to everybody but the account that cron runs under.)
fn temporary_in(dir: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tmp-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch: writing in place, leftovers beside the target, a missing parent being an error.
    #[test]
    fn replaces_the_whole_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file.json");
        write(&path, "a long first version").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    /// Would catch: outputs that only their owner can read, as temporary files are by default.
    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_an_ordinary_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join("ours");
        let plain = dir.path().join("plain");
        write(&ours, "x").unwrap();
        fs::write(&plain, "x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    /// Would catch: an error that does not say which file it is about.
    #[test]
    fn failure_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let occupied = dir.path().join("occupied");
        fs::create_dir(&occupied).unwrap();
        let error = write(&occupied, "x").unwrap_err();
        assert!(error.to_string().contains("occupied"), "{error}");
        assert!(error.to_string().contains("renaming"), "{error}");
    }
}
