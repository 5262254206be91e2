//! Opens published Parquet files, and checks that they are what was published.

use std::{collections::HashMap, fs::File, sync::Arc};

use camino::Utf8Path;
use parquet::{
    arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
    basic::{Compression, ZstdLevel},
    file::{
        metadata::{
            ColumnChunkMetaData, KeyValue, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader,
            RowGroupMetaData,
        },
        properties::{WriterProperties, WriterPropertiesBuilder},
        reader::{ChunkReader, Length as _},
    },
};

use super::parts::PartsReader;
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
    compare(&path, &genie_store::stored_hash(&path)?, entry)
}

/// Does the same as [`verify`]; of a file in a store, it checks this machine's copy.
pub(crate) fn check_bytes(dir: &Utf8Path, entry: &Entry) -> Result<()> {
    let path = dir.join(&entry.file);
    genie_store::fetch(&path, entry.bytes, &entry.blake3)?;
    compare(&path, &genie_durable::hash_file(&path)?, entry)
}

fn compare(path: &Utf8Path, found: &str, entry: &Entry) -> Result<()> {
    if found == entry.blake3 {
        return Ok(());
    }
    Err(Error::Damaged {
        path: genie_store::shown(path).into(),
        problem: "the content differs from what was published, so the file is damaged; restore it \
             from a backup, or remove it from the dataset with `verify --forget` of genie-ingest \
             (clips), genie-tokenize (tokens) or genie-train (actions), and run the step again"
            .to_owned(),
    })
}

/// Opens a published file, and checks its length, number of rows, kind and format version.
///
/// The number of rows is that of the manifest and of the footer, which can both be wrong. So it
/// must not decide how much memory is allocated.
///
/// The Arrow types follow from the Parquet types. The Arrow schema in the footer is not decoded:
/// arrow 59 panics if its bytes are damaged.
pub(crate) fn open(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
) -> Result<(File, ArrowReaderMetadata)> {
    let file = opened(path, entry)?;
    let metadata = read_metadata(path, entry, kind, &file, true)?;
    Ok((file, metadata))
}

/// Does the same as [`open`], to read a few parts: a file in a store is not copied for it.
pub(crate) fn open_parts(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
) -> Result<(PartsReader, ArrowReaderMetadata)> {
    let file = PartsReader(genie_store::open_parts(path, entry.bytes)?);
    check_length(path, entry, file.len())?;
    let metadata = read_metadata(path, entry, kind, &file, true)?;
    Ok((file, metadata))
}

/// Does the same as [`open`], with the Arrow schema in the footer, to copy the file.
pub(crate) fn open_with_schema(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
) -> Result<(File, ArrowReaderMetadata)> {
    let file = opened(path, entry)?;
    let metadata = read_metadata(path, entry, kind, &file, false)?;
    Ok((file, metadata))
}

/// Opens a published file, and checks its length.
fn opened(path: &Utf8Path, entry: &Entry) -> Result<File> {
    let file = genie_store::open(path, entry.bytes, &entry.blake3)?;
    let bytes = file.metadata().map_err(Error::io(path, "read the size of"))?.len();
    check_length(path, entry, bytes)?;
    Ok(file)
}

fn check_length(path: &Utf8Path, entry: &Entry, bytes: u64) -> Result<()> {
    if bytes == entry.bytes {
        return Ok(());
    }
    let problem = format!(
        "has {bytes} bytes, but {} bytes were published: the file was truncated or replaced; \
         restore it",
        entry.bytes
    );
    Err(Error::Damaged { path: path.to_owned(), problem })
}

/// Reads the footer of an open file, and checks its number of rows, kind and format version.
fn read_metadata(
    path: &Utf8Path,
    entry: &Entry,
    kind: &FileKind,
    file: &impl ChunkReader,
    skip_schema: bool,
) -> Result<ArrowReaderMetadata> {
    let footer = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .parse_and_finish(file)
        .map_err(Error::parquet(path))?;
    check_footer(path, entry, &footer)?;
    let mut index = ParquetMetaDataReader::new_with_metadata(footer)
        .with_page_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(PageIndexPolicy::Optional);
    index.read_page_indexes(file).map_err(Error::parquet(path))?;
    let footer = Arc::new(index.finish().map_err(Error::parquet(path))?);
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(skip_schema);
    let metadata = ArrowReaderMetadata::try_new(footer, options).map_err(Error::parquet(path))?;
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
        Some(found) if found == u64::from(known) => Ok(metadata),
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

/// Checks that the numbers in a footer are possible, and agree with the manifest.
fn check_footer(path: &Utf8Path, entry: &Entry, metadata: &ParquetMetaData) -> Result<()> {
    let damaged = |problem| Err(Error::Damaged { path: path.to_owned(), problem });
    let (found, groups) = (metadata.file_metadata().num_rows(), metadata.row_groups());
    if u64::try_from(found) != Ok(entry.rows) {
        return damaged(format!("has {found} rows, but {} were published", entry.rows));
    }
    let rows = groups.iter().try_fold(0_u64, |sum, group| {
        u64::try_from(group.num_rows()).ok().and_then(|rows| sum.checked_add(rows))
    });
    let is_inside = |column: &ColumnChunkMetaData| {
        let number = |number: i64| u64::try_from(number).ok();
        let data = number(column.data_page_offset());
        let start = column.dictionary_page_offset().map_or(data, number);
        let end = start.zip(number(column.compressed_size()));
        let end = end.and_then(|(start, bytes)| start.checked_add(bytes));
        let index = column.offset_index_offset().map_or(Some(0), number);
        let index = index.zip(number(i64::from(column.offset_index_length().unwrap_or(0))));
        let index_end = index.and_then(|(start, bytes)| start.checked_add(bytes));
        column.num_values() >= 0
            && index_end.is_some_and(|end| end <= entry.bytes)
            && data.is_some_and(|data| data < entry.bytes)
            && end.is_some_and(|end| end <= entry.bytes)
    };
    if rows != Some(entry.rows) || !groups.iter().flat_map(RowGroupMetaData::columns).all(is_inside)
    {
        return damaged("its footer contains sizes that cannot be true; restore it".to_owned());
    }
    Ok(())
}
