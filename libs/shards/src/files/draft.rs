//! Publishes one Parquet file; no reader ever sees half of it.
//!
//! A draft is a temporary sibling. Publishing flushes it to the disk, reads it back (the bytes
//! against the hash of what was written; footer and row count through Parquet), renames it, and
//! flushes the directory. The final name ends in the hash of the content, so one file never
//! replaces another: the same name means the same bytes. A run that died between rename and commit
//! can be repeated.

use std::{
    fs::File,
    io::{self, Write},
};

use camino::Utf8Path;
use genie_durable::DraftFile;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::{
    error::{Error, Result},
    manifest::Entry,
};

/// A Parquet file that is being written.
pub(crate) struct ParquetDraft {
    stem: String,
    file: DraftFile,
}

impl ParquetDraft {
    /// Starts a file that will be `dir/<stem>-<hash>.parquet`, and creates the directory.
    pub(crate) fn create(dir: &Utf8Path, stem: &str) -> Result<Self> {
        if stem.is_empty() || stem.contains(['/', '\\', '\0']) || stem.starts_with('.') {
            let problem = "the name of a shard must be a plain file name".to_owned();
            return Err(Error::Damaged { path: dir.join(stem), problem });
        }
        let file = DraftFile::create(dir, stem)?;
        Ok(Self { stem: stem.to_owned(), file })
    }

    /// Gives the file its final name and returns its entry, with `file` relative to its directory.
    pub(crate) fn publish(self, rows: u64) -> Result<Entry> {
        let stem = self.stem.clone();
        self.publish_as(|hash| format!("{stem}-{}.parquet", &hash[..16]), rows)
    }

    /// Publishes under the name that `name` computes from the hash; an old file is replaced.
    pub(crate) fn publish_as(self, name: impl FnOnce(&str) -> String, rows: u64) -> Result<Entry> {
        let written = self.file.finish()?;
        written.read_back()?;
        check_rows(written.path(), rows)?;
        let (bytes, blake3) = (written.bytes(), written.hash().to_owned());
        let file = name(&blake3);
        written.rename_to(&file)?;
        Ok(Entry { file, rows, bytes, blake3 })
    }
}

impl Write for ParquetDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Checks that a written file is Parquet and has `rows` rows.
fn check_rows(path: &Utf8Path, rows: u64) -> Result<()> {
    let file = File::open(path).map_err(Error::io(path, "open"))?;
    let reader = SerializedFileReader::new(file).map_err(Error::parquet(path))?;
    let found = reader.metadata().file_metadata().num_rows();
    if u64::try_from(found) == Ok(rows) {
        return Ok(());
    }
    let problem = format!("has {found} rows after reading it back, but {rows} were written");
    Err(Error::Damaged { path: path.to_owned(), problem })
}
