//! Opens published Parquet files, and checks that they are what was published.

use std::{collections::HashMap, fs::File};

use camino::Utf8Path;
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    basic::{Compression, ZstdLevel},
    file::{
        metadata::{KeyValue, PageIndexPolicy},
        properties::{WriterProperties, WriterPropertiesBuilder},
    },
};

use crate::{
    error::{Error, Result},
    manifest::Entry,
};

/// Metadata key of the kind of a file's content.
const KIND_KEY: &str = "genie.table";
/// Metadata key of a file's format version.
const FORMAT_KEY: &str = "genie.format";

/// A kind of file of the dataset.
pub(crate) struct FileKind {
    /// Name of the kind of content, for errors and for the file's metadata.
    pub(crate) name: &'static str,
    /// The version that this program reads and writes.
    pub(crate) format: u32,
    /// The command that writes these files.
    pub(crate) command: &'static str,
}

/// Writer properties that all files share: zstd, kind and format version.
pub(crate) fn properties(kind: &FileKind) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![
            KeyValue::new(KIND_KEY.to_owned(), kind.name.to_owned()),
            KeyValue::new(FORMAT_KEY.to_owned(), kind.format.to_string()),
        ]))
}

/// Checks the whole content of a published file against its manifest entry.
///
/// # Errors
/// If the file is missing, cannot be read, or differs from what was published.
pub fn verify(dir: &Utf8Path, entry: &Entry) -> Result<()> {
    let path = dir.join(&entry.file);
    if genie_durable::hash_file(&path)? == entry.blake3 {
        return Ok(());
    }
    Err(Error::Damaged {
        path,
        problem: "the content differs from what was published, so the file is damaged; restore it \
             from a backup, or remove it from the dataset with `verify --forget` of genie-ingest \
             (clips), genie-tokenize (tokens) or genie-train (actions), and run the step again"
            .to_owned(),
    })
}

/// Opens a published file, and checks its length, kind and format version.
///
/// The Arrow types follow from the Parquet types. The Arrow schema in the footer is not decoded:
/// arrow 59 panics if its bytes are damaged.
pub(crate) fn open(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
) -> Result<(File, ArrowReaderMetadata)> {
    open_as(path, entry, kind, true)
}

/// Does the same as [`open`], with the Arrow schema in the footer, to copy the file.
pub(crate) fn open_with_schema(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
) -> Result<(File, ArrowReaderMetadata)> {
    open_as(path, entry, kind, false)
}

fn open_as(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
    skip_schema: bool,
) -> Result<(File, ArrowReaderMetadata)> {
    let file = File::open(path).map_err(Error::io(path, "open the published file"))?;
    let bytes = file.metadata().map_err(Error::io(path, "read the size of"))?.len();
    if bytes != entry.bytes {
        let problem = format!(
            "has {bytes} bytes, but {} bytes were published: the file was truncated or \
                 replaced; restore it",
            entry.bytes
        );
        return Err(Error::Damaged { path: path.to_owned(), problem });
    }
    let options = ArrowReaderOptions::new()
        .with_offset_index_policy(PageIndexPolicy::Optional)
        .with_skip_arrow_metadata(skip_schema);
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(Error::parquet(path))?;
    let values = metadata.metadata().file_metadata().key_value_metadata();
    let values: HashMap<&str, &str> = values
        .into_iter()
        .flatten()
        .filter_map(|pair| Some((pair.key.as_str(), pair.value.as_deref()?)))
        .collect();
    if values.get(KIND_KEY) != Some(&kind.name) {
        let problem = format!("not a file of {}, according to its metadata", kind.name);
        return Err(Error::Damaged { path: path.to_owned(), problem });
    }
    let format = values.get(FORMAT_KEY).and_then(|format| format.parse::<u64>().ok());
    let (what, known) = (kind.name, kind.format);
    match format {
        Some(found) if found == u64::from(known) => Ok((file, metadata)),
        Some(found) if found < u64::from(known) => {
            Err(Error::Older { path: path.to_owned(), what, found, known, command: kind.command })
        }
        Some(found) => Err(Error::Newer { path: path.to_owned(), what, found, known }),
        None => Err(Error::Damaged {
            path: path.to_owned(),
            problem: "its metadata has no format version".to_owned(),
        }),
    }
}
