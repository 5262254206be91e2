//! Publishing one file: nobody ever sees half of it.
//!
//! A draft is a temporary sibling. Publishing it is: fsync, read it back (bytes against the hash of what was written;
//! footer and rows by Parquet), rename, fsync the directory. The final name ends in the content's hash, so a file that
//! exists is never replaced by another: the same name is the same bytes, and a run that died between rename and
//! manifest can simply be repeated.

use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
};

use camino::{Utf8Path, Utf8PathBuf};
use parquet::file::reader::{FileReader, SerializedFileReader};
use tempfile::NamedTempFile;

use crate::{
    error::{Error, Result},
    manifest::Entry,
};

/// A file that is being written.
pub(crate) struct Draft {
    dir: Utf8PathBuf,
    stem: String,
    file: NamedTempFile,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Draft {
    /// Starts a file that will be `dir/<stem>-<hash>.parquet`. Makes the directory.
    pub(crate) fn create(dir: &Utf8Path, stem: &str) -> Result<Self> {
        if stem.is_empty() || stem.contains(['/', '\\', '\0']) || stem.starts_with('.') {
            let problem = "a shard's name must be a plain file name".to_owned();
            return Err(Error::Damaged { path: dir.join(stem), problem });
        }
        create_dir(dir)?;
        let file = temporary(dir, stem)?;
        Ok(Self {
            dir: dir.to_owned(),
            stem: stem.to_owned(),
            file,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        })
    }

    /// Makes the file visible under its final name and returns its entry, with `file` relative to its directory.
    pub(crate) fn publish(self, rows: u64) -> Result<Entry> {
        let stem = self.stem.clone();
        self.publish_as(|hash| format!("{stem}-{}.parquet", &hash[..16]), rows)
    }

    /// The same under a name that is a function of its content's hash, or of nothing; what was there is replaced.
    pub(crate) fn publish_as(
        mut self,
        name: impl FnOnce(&str) -> String,
        rows: u64,
    ) -> Result<Entry> {
        let temporary = utf8(self.file.path())?;
        self.file.flush().map_err(Error::io(&temporary, "write"))?;
        self.file.as_file().sync_all().map_err(Error::io(&temporary, "fsync"))?;
        let written = self.hasher.finalize().to_hex();
        read_back(&temporary, &written, rows)?;
        let name = name(&written);
        let path = self.dir.join(&name);
        self.file
            .persist(&path)
            .map_err(|error| Error::io(&path, "rename its draft to it")(error.error))?;
        sync_dir(&self.dir)?;
        Ok(Entry { file: name, rows, bytes: self.bytes, blake3: written.to_string() })
    }
}

impl Write for Draft {
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

/// A temporary sibling of `dir/name`, removed when dropped. Readable by all, as the final file is (subject to umask).
pub(crate) fn temporary(dir: &Utf8Path, name: &str) -> Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(&format!(".{name}-"))
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(dir)
        .map_err(Error::io(dir, "create a file in this directory"))
}

/// Makes a directory, so that it outlives a power cut together with what is put in it.
pub(crate) fn create_dir(dir: &Utf8Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(Error::io(dir, "create this directory"))?;
    match dir.parent() {
        Some(parent) if !parent.as_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}

pub(crate) fn sync_dir(dir: &Utf8Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io(dir, "fsync this directory"))
}

/// BLAKE3 of a file, in hex.
pub(crate) fn hash_file(path: &Utf8Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path, "open this published file"))?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher).map_err(Error::io(path, "read"))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn read_back(path: &Utf8Path, written: &str, rows: u64) -> Result<()> {
    let damaged = |problem: String| Error::Damaged { path: path.to_owned(), problem };
    if hash_file(path)? != written {
        return Err(damaged("does not read back as it was written: check the disk".to_owned()));
    }
    let file = File::open(path).map_err(Error::io(path, "open"))?;
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    let found = reader.metadata().file_metadata().num_rows();
    if u64::try_from(found) == Ok(rows) {
        return Ok(());
    }
    Err(damaged(format!("reads back with {found} rows, {rows} were written")))
}

fn utf8(path: &std::path::Path) -> Result<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(path.to_owned()).map_err(|path| Error::Damaged {
        path: path.to_string_lossy().into_owned().into(),
        problem: "a path must be UTF-8".to_owned(),
    })
}
