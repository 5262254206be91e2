//! Whole directories: drafts, creation and removal.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Result};
use crate::sync::{parent_of, sync_dir, sync_file};

/// Creates a directory and its missing parents; each new one survives a power cut.
pub fn create_dir(dir: impl AsRef<Utf8Path>) -> Result<()> {
    let dir = dir.as_ref();
    if dir.as_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let parent = parent_of(dir);
    create_dir(parent)?;
    match fs::create_dir(dir) {
        // Another program may have created it since the check.
        Err(error) if !dir.is_dir() => return Err(Error::of(dir, "create the directory")(error)),
        _ => {}
    }
    sync_dir(parent)
}

/// Removes a directory with all its content; a killed removal leaves no part of it under its name.
///
/// The directory is first renamed to `.<name>.removed`. A missing directory is not an error.
pub fn remove_dir(dir: impl AsRef<Utf8Path>) -> Result<()> {
    let dir = dir.as_ref();
    let removed = sibling(dir, "removed")?;
    delete(&removed)?;
    match fs::rename(dir, &removed) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::of(dir, "remove the directory")(error)),
    }
    sync_dir(parent_of(dir))?;
    delete(&removed)
}

/// A directory that is being written under a temporary name; dropping it deletes it.
///
/// Write files to [`DraftDir::path`] in any way, then call [`DraftDir::publish`].
pub struct DraftDir {
    draft: Utf8PathBuf,
    target: Utf8PathBuf,
}

impl DraftDir {
    /// Starts the directory `target` as `.<name>.partial` beside it, and creates missing parents.
    ///
    /// A draft that a killed run left under that name is deleted. The target, if it exists, stays
    /// until [`DraftDir::publish`].
    pub fn create(target: impl Into<Utf8PathBuf>) -> Result<Self> {
        let target = target.into();
        let draft = sibling(&target, "partial")?;
        delete(&draft)?;
        create_dir(&draft)?;
        Ok(Self { draft, target })
    }

    /// The temporary directory, to write files into.
    pub fn path(&self) -> &Utf8Path {
        &self.draft
    }

    /// Flushes every file and directory to the disk, and renames the draft to its target.
    ///
    /// An existing target is replaced. A kill between its removal and the rename leaves no target.
    pub fn publish(self) -> Result<()> {
        sync_tree(&self.draft)?;
        remove_dir(&self.target)?;
        fs::rename(&self.draft, &self.target)
            .map_err(Error::of(&self.target, "rename a temporary directory to"))?;
        sync_dir(parent_of(&self.target))
    }
}

impl Drop for DraftDir {
    fn drop(&mut self) {
        // After `publish` there is nothing under this name. A failure here costs disk space only.
        let _ = fs::remove_dir_all(&self.draft);
    }
}

/// Flushes everything below a directory, then the directory.
fn sync_tree(dir: &Utf8Path) -> Result<()> {
    for entry in dir.read_dir_utf8().map_err(Error::of(dir, "list"))? {
        let entry = entry.map_err(Error::of(dir, "list"))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(Error::of(path, "read the type of"))?;
        if kind.is_dir() {
            sync_tree(path)?;
        } else {
            sync_file(path)?;
        }
    }
    sync_dir(dir)
}

/// `.<name>.<suffix>` beside `path`.
fn sibling(path: &Utf8Path, suffix: &str) -> Result<Utf8PathBuf> {
    match path.file_name() {
        Some(name) => Ok(path.with_file_name(format!(".{name}.{suffix}"))),
        None => Err(Error::of(path, "replace")(io::ErrorKind::InvalidFilename.into())),
    }
}

/// Deletes a temporary directory, if it exists.
fn delete(dir: &Utf8Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::of(dir, "delete")(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        (guard, path)
    }

    fn names(dir: &Utf8Path) -> Vec<String> {
        let entries = dir.read_dir_utf8().unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    /// Catches: a directory is visible before it is complete, or still contains files of its old
    /// content.
    #[test]
    fn a_directory_appears_whole_and_replaces_the_old_one() {
        let (_guard, root) = temporary();
        let target = root.join("run/step-1");
        for file in ["old", "new"] {
            let draft = DraftDir::create(&target).unwrap();
            fs::create_dir(draft.path().join("inner")).unwrap();
            fs::write(draft.path().join("inner/weights"), file).unwrap();
            fs::write(draft.path().join(file), file).unwrap();
            assert_eq!(target.join("old").exists(), file == "new", "the old one stays until then");
            assert!(!target.join("new").exists());
            draft.publish().unwrap();
            assert_eq!(names(&target), ["inner", file]);
            assert_eq!(fs::read_to_string(target.join("inner/weights")).unwrap(), file);
            assert_eq!(names(&root.join("run")), ["step-1"]);
        }
    }

    /// Catches: files of a killed run are in the next run's directory; drafts are not removed.
    #[test]
    fn leftovers_of_a_killed_run_are_deleted() {
        let (_guard, root) = temporary();
        for leftover in [".step-1.partial", ".step-1.removed"] {
            fs::create_dir(root.join(leftover)).unwrap();
            fs::write(root.join(leftover).join("half"), "").unwrap();
        }
        let draft = DraftDir::create(root.join("step-1")).unwrap();
        assert!(names(draft.path()).is_empty());
        draft.publish().unwrap();
        drop(DraftDir::create(root.join("step-2")).unwrap());
        assert_eq!(names(&root), ["step-1"]);
    }

    /// Catches: an error does not say which directory it is about.
    #[test]
    fn failure_names_the_directory() {
        let (_guard, root) = temporary();
        fs::write(root.join(".step-2.partial"), "a file in place of a directory").unwrap();
        let error = DraftDir::create(root.join("step-2")).map(drop).unwrap_err();
        assert!(error.to_string().contains(".step-2.partial"), "{error}");
        let error = create_dir(root.join(".step-2.partial/inner")).unwrap_err();
        assert!(error.to_string().contains(".step-2.partial"), "{error}");
    }

    /// Catches: a removal fails when there is nothing to remove, or leaves something behind.
    #[test]
    fn a_directory_is_removed_with_its_content() {
        let (_guard, root) = temporary();
        create_dir(root.join("a/b/c")).unwrap();
        create_dir(root.join("a/b/c")).unwrap();
        remove_dir(root.join("a")).unwrap();
        remove_dir(root.join("a")).unwrap();
        assert!(names(&root).is_empty());
    }
}
