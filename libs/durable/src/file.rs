//! Single files: drafts, renames and hashes.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use crate::dir::create_dir;
use crate::error::{Error, Result};
use crate::sync::{parent_of, sync_dir, sync_file};

/// Writes `bytes` to `path` atomically and durably, and creates missing parent directories.
pub fn write(path: impl AsRef<Utf8Path>, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = path.as_ref();
    draft_of(path, bytes.as_ref())?.finish()?.rename_to(name_of(path)?)?;
    Ok(())
}

/// Writes `bytes` to a new file at `path`, atomically and durably; false if the file exists.
///
/// An existing file stays as it is. Of several writers, exactly one gets true.
pub fn create(path: impl AsRef<Utf8Path>, bytes: impl AsRef<[u8]>) -> Result<bool> {
    let path = path.as_ref();
    match draft_of(path, bytes.as_ref())?.finish()?.create_as(name_of(path)?) {
        Ok(()) => Ok(true),
        Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Flushes the file `draft` to the disk and renames it to `path` in the same directory.
pub fn rename_file(draft: impl AsRef<Utf8Path>, path: impl AsRef<Utf8Path>) -> Result<()> {
    let (draft, path) = (draft.as_ref(), path.as_ref());
    sync_file(draft)?;
    fs::rename(draft, path).map_err(Error::of(path, "rename a temporary file to"))?;
    sync_dir(parent_of(path))
}

/// Returns the BLAKE3 hash of a file's content, as 64 hex digits.
pub fn hash_file(path: impl AsRef<Utf8Path>) -> Result<String> {
    let path = path.as_ref();
    let mut file = File::open(path).map_err(Error::of(path, "open"))?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher).map_err(Error::of(path, "read"))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// A temporary file that is being written; dropping it deletes it.
pub struct DraftFile {
    dir: Utf8PathBuf,
    file: NamedTempFile,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl DraftFile {
    /// Starts a file that will be renamed within `dir`, and creates `dir`.
    ///
    /// The temporary name is `.<name>-<random>.tmp`. The permissions are those of an ordinary new
    /// file. (`tempfile` alone uses mode 0600: only the account that wrote the file could read it.)
    pub fn create(dir: impl AsRef<Utf8Path>, name: &str) -> Result<Self> {
        let dir = dir.as_ref();
        create_dir(dir)?;
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}-"))
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)
            .map_err(Error::of(dir, "create a temporary file in"))?;
        Ok(Self { dir: dir.to_owned(), file, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Path of the temporary file.
    pub fn path(&self) -> &Utf8Path {
        path_of(&self.file)
    }

    /// Flushes the file to the disk.
    pub fn finish(mut self) -> Result<SyncedFile> {
        let flushed = self.file.flush().and_then(|()| self.file.as_file().sync_all());
        flushed.map_err(Error::of(self.path(), "fsync"))?;
        let hash = self.hasher.finalize().to_hex().to_string();
        Ok(SyncedFile { dir: self.dir, file: self.file, hash, bytes: self.bytes })
    }
}

impl Write for DraftFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A temporary file that is on the disk and has no final name yet; dropping it deletes it.
pub struct SyncedFile {
    dir: Utf8PathBuf,
    file: NamedTempFile,
    hash: String,
    bytes: u64,
}

impl SyncedFile {
    /// Path of the temporary file.
    pub fn path(&self) -> &Utf8Path {
        path_of(&self.file)
    }

    /// BLAKE3 hash of the bytes that were written, as 64 hex digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Number of bytes that were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the file again and compares it with the bytes that were written.
    ///
    /// # Errors
    /// An error of kind [`io::ErrorKind::InvalidData`] if the bytes differ.
    pub fn read_back(&self) -> Result<()> {
        if hash_file(self.path())? == self.hash {
            return Ok(());
        }
        let problem = "the bytes differ from those that were written; check the disk";
        let problem = io::Error::new(io::ErrorKind::InvalidData, problem);
        Err(Error::of(self.path(), "read back")(problem))
    }

    /// Renames the file to `name` in its directory, replaces an old file, and returns the path.
    pub fn rename_to(self, name: &str) -> Result<Utf8PathBuf> {
        let path = self.dir.join(name);
        self.file
            .persist(&path)
            .map_err(|error| Error::of(&path, "rename a temporary file to")(error.error))?;
        sync_dir(&self.dir)?;
        Ok(path)
    }

    /// Renames the file to `name` in its directory, if there is no such file yet.
    fn create_as(self, name: &str) -> Result<()> {
        let path = self.dir.join(name);
        self.file
            .persist_noclobber(&path)
            .map_err(|error| Error::of(&path, "rename a temporary file to")(error.error))?;
        sync_dir(&self.dir)
    }
}

/// A draft of the file `path` with all its content.
fn draft_of(path: &Utf8Path, bytes: &[u8]) -> Result<DraftFile> {
    let mut draft = DraftFile::create(parent_of(path), name_of(path)?)?;
    draft.write_all(bytes).map_err(Error::of(draft.path(), "write"))?;
    Ok(draft)
}

fn name_of(path: &Utf8Path) -> Result<&str> {
    let name = path.file_name();
    name.ok_or_else(|| Error::of(path, "write to")(io::ErrorKind::InvalidFilename.into()))
}

fn path_of(file: &NamedTempFile) -> &Utf8Path {
    Utf8Path::from_path(file.path()).expect("the directory and the name are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dir::tests::temporary;

    fn names(dir: &Utf8Path) -> Vec<String> {
        let entries = dir.read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
    }

    /// Catches: a file is written in place; temporary files stay beside the target; a missing
    /// parent is an error.
    #[test]
    fn replaces_the_whole_file_and_leaves_nothing_else() {
        let (_guard, dir) = temporary();
        let path = dir.join("a/b/file.json");
        write(&path, "a long first version").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(names(&dir.join("a/b")), ["file.json"]);
    }

    /// Catches: two writers both believe that they created a file, or the later one replaces it.
    #[test]
    fn one_of_many_writers_creates_a_file() {
        let (_guard, dir) = temporary();
        let path = dir.join("version");
        let writers: Vec<String> = (0..16).map(|n| n.to_string()).collect();
        let won: Vec<&String> = std::thread::scope(|scope| {
            let path = &path;
            let write = |text| (text, scope.spawn(move || create(path, text).unwrap()));
            let writers: Vec<_> = writers.iter().map(write).collect();
            let won = writers.into_iter().filter_map(|(text, w)| w.join().unwrap().then_some(text));
            won.collect()
        });
        assert_eq!(won, [&fs::read_to_string(&path).unwrap()]);
        assert_eq!(names(&dir), ["version"]);
    }

    /// Catches: only the owner can read an output, which is the default of temporary files.
    #[test]
    fn permissions_are_those_of_an_ordinary_file() {
        let (_guard, dir) = temporary();
        write(dir.join("ours"), "x").unwrap();
        fs::write(dir.join("plain"), "x").unwrap();
        let mode = |name| fs::metadata(dir.join(name)).unwrap().permissions().mode();
        assert_eq!(mode("ours"), mode("plain"));
    }

    /// Catches: an error does not say which file it is about.
    #[test]
    fn failure_names_the_file_and_the_operation() {
        let (_guard, dir) = temporary();
        let occupied = dir.join("occupied");
        fs::create_dir(&occupied).unwrap();
        let error = write(&occupied, "x").unwrap_err();
        assert!(error.to_string().contains("occupied"), "{error}");
        assert!(error.to_string().contains("rename"), "{error}");
        assert_eq!(names(&dir), ["occupied"], "the temporary file is deleted");
        assert!(write("/", "x").is_err());
    }

    /// Catches: a hash or a length differs from the file's content.
    #[test]
    fn a_draft_knows_its_content_before_it_has_a_name() {
        let (_guard, dir) = temporary();
        let mut draft = DraftFile::create(dir.join("new"), "part").unwrap();
        draft.write_all(b"one, ").unwrap();
        draft.write_all(b"two").unwrap();
        let synced = draft.finish().unwrap();
        synced.read_back().unwrap();
        assert_eq!(
            (synced.bytes(), synced.hash()),
            (8, blake3::hash(b"one, two").to_hex().as_str())
        );
        let hash = synced.hash().to_owned();
        let path = synced.rename_to("part-1").unwrap();
        assert_eq!(hash_file(&path).unwrap(), hash);
        assert_eq!(names(&dir.join("new")), ["part-1"]);
    }

    /// Catches: a file that the disk changed is published, or a deleted draft stays behind.
    #[test]
    fn a_damaged_draft_is_not_published() {
        let (_guard, dir) = temporary();
        let mut draft = DraftFile::create(&dir, "part").unwrap();
        draft.write_all(b"right").unwrap();
        let synced = draft.finish().unwrap();
        fs::write(synced.path(), "wrong").unwrap();
        let error = synced.read_back().unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidData);
        drop(synced);
        assert!(names(&dir).is_empty());
    }

    /// Catches: a draft of another program is copied, not renamed, or is left behind.
    #[test]
    fn a_file_of_another_program_is_renamed() {
        let (_guard, dir) = temporary();
        fs::write(dir.join(".draft"), "video").unwrap();
        rename_file(dir.join(".draft"), dir.join("video.mp4")).unwrap();
        assert_eq!(names(&dir), ["video.mp4"]);
        assert!(rename_file(dir.join(".draft"), dir.join("video.mp4")).is_err());
    }
}
