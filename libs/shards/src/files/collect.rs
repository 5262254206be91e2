//! Removes files and directories that no manifest names.

use std::{
    fs, io,
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};

/// Result of [`collect`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collected {
    /// Files and directories that were removed, or that a dry run would remove.
    pub files: Vec<Utf8PathBuf>,
    /// Total size of these.
    pub bytes: u64,
    /// Number of those that are too young to be removed.
    pub young: usize,
}

/// Removes the files and directories that are older than `age`; with `dry_run`, only reports them.
///
/// Young files stay, because a reader may still use a manifest that names them. Call this only
/// while no writer is running: its drafts are files that no manifest names. A file that somebody
/// else removes meanwhile is skipped: a query that ends removes its temporary files.
///
/// # Errors
/// If one of them cannot be inspected or removed.
pub fn collect(files: Vec<Utf8PathBuf>, age: Duration, dry_run: bool) -> Result<Collected> {
    let mut collected = Collected::default();
    for path in files {
        let found = unless_gone(fs::metadata(&path)).map_err(Error::io(&path, "inspect"))?;
        let Some(found) = found else { continue };
        // A time in the future means that somebody set the clock: the file counts as young.
        let file_age = found
            .modified()
            .ok()
            .and_then(|time| SystemTime::now().duration_since(time).ok())
            .unwrap_or_default();
        if file_age < age {
            collected.young += 1;
            continue;
        }
        let bytes = size(&path)?;
        if !dry_run {
            let removed =
                if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if unless_gone(removed).map_err(Error::io(&path, "remove"))?.is_none() {
                continue;
            }
        }
        collected.bytes += bytes;
        collected.files.push(path);
    }
    Ok(collected)
}

/// The size of a file, or of all files below a directory. What is gone has the size 0.
fn size(path: &Utf8Path) -> Result<u64> {
    let found = unless_gone(fs::metadata(path)).map_err(Error::io(path, "inspect"))?;
    let Some(found) = found else { return Ok(0) };
    if !found.is_dir() {
        return Ok(found.len());
    }
    let failed = || Error::io(path, "list the directory");
    let Some(items) = unless_gone(path.read_dir_utf8()).map_err(failed())? else { return Ok(0) };
    let sizes = items.map(|item| match unless_gone(item).map_err(failed())? {
        Some(item) => size(item.path()),
        None => Ok(0),
    });
    sizes.sum()
}

/// `None` if the file or directory does not exist any more.
fn unless_gone<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: `gc` fails because a query ends meanwhile and removes its temporary files; files
    /// that somebody else removed are counted.
    #[test]
    fn what_is_gone_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| Utf8Path::from_path(dir.path()).unwrap().join(name);
        let (ended, killed) = (path("datafusion-ended"), path("datafusion-killed"));
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join("part"), "12345").unwrap();
        for dry_run in [true, false] {
            let files = vec![ended.clone(), killed.clone()];
            let collected = collect(files, Duration::ZERO, dry_run).unwrap();
            let expected = Collected { files: vec![killed.clone()], bytes: 5, young: 0 };
            assert_eq!(collected, expected);
        }
        assert_eq!((size(&killed).unwrap(), killed.exists()), (0, false));
    }
}
