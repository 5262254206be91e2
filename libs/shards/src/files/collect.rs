//! Removes files and directories that no manifest names.

use std::time::Duration;

use camino::Utf8PathBuf;

use crate::error::Result;

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
        let Some(found) = genie_store::inspect(&path)? else { continue };
        // A time in the future means that somebody set the clock: the file counts as young.
        if found.unused_since.elapsed().unwrap_or_default() < age {
            collected.young += 1;
            continue;
        }
        if dry_run || genie_store::discard(&path)? {
            collected.bytes += found.bytes;
            collected.files.push(path);
        }
    }
    Ok(collected)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8Path;

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
        assert!(!killed.exists());
    }
}
