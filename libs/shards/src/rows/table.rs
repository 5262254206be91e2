//! Narrow tables: rows that are written as a whole file, and read as a whole or in batches.
//!
//! Tokens, actions, source rows, clip rows and measured windows are narrow tables. Each type
//! implements [`Row`], which converts between rows and columns. Writing, publishing, versions and
//! checks are common. Clip shards have large payloads, so they have their own writer and reader.

use arrow::array::RecordBatch;
use camino::Utf8Path;
use parquet::arrow::{
    ArrowWriter, ProjectionMask,
    arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder},
};
use parquet::file::reader::ChunkReader;

use crate::{
    error::{Error, Result},
    files::{
        draft::ParquetDraft,
        open::{FileKind, check_bytes, open, properties},
    },
    manifest::Entry,
    schema::columns::{Columns, NamedColumns, batch},
};

/// Largest number of rows of a batch: a clip row has a few kilobytes.
pub(crate) const ROWS: usize = 1024;

/// A row of a narrow table.
pub(crate) trait Row: Sized {
    /// The kind of the file's content, its version, and the command that writes it.
    const KIND: FileKind;
    /// Columns that SQL does not show.
    const HIDDEN: &'static [&'static str] = &[];

    /// Converts at least one row to columns.
    fn columns(rows: &[Self]) -> Result<NamedColumns>;
    /// Converts a batch to rows; `path` and `first_row` are for errors.
    fn read(columns: Columns<'_>, path: &Utf8Path, first_row: usize) -> Result<Vec<Self>>;
}

/// Writes rows to a new file `dir/<stem>-<hash>.parquet` and publishes it.
///
/// The caller commits the entry to a manifest.
pub(crate) fn write<R: Row>(dir: &Utf8Path, stem: &str, rows: &[R]) -> Result<Entry> {
    draft(dir, stem, rows)?.publish(rows.len() as u64)
}

/// Writes rows to `dir/<name>` and publishes it; an old file is replaced.
pub(crate) fn write_as<R: Row>(dir: &Utf8Path, name: &str, rows: &[R]) -> Result<Entry> {
    draft(dir, name, rows)?.publish_as(|_| name.to_owned(), rows.len() as u64)
}

/// Writes rows to a draft.
fn draft<R: Row>(dir: &Utf8Path, stem: &str, rows: &[R]) -> Result<ParquetDraft> {
    let path = dir.join(stem);
    if rows.is_empty() {
        return Err(Error::Empty { path });
    }
    let batch = batch(&path, R::columns(rows)?)?;
    let properties = properties(&R::KIND).build();
    let draft = ParquetDraft::create(dir, stem)?;
    let mut writer = ArrowWriter::try_new(draft, batch.schema(), Some(properties))
        .map_err(Error::parquet(&path))?;
    writer.write(&batch).map_err(Error::parquet(&path))?;
    writer.into_inner().map_err(Error::parquet(&path))
}

/// Reads a published file, after checking its bytes against the hash in the manifest.
pub(crate) fn read<R: Row>(dir: &Utf8Path, entry: &Entry) -> Result<Vec<R>> {
    let mut rows = Vec::new();
    for batch in stream(dir, entry)? {
        rows.extend(batch?);
    }
    Ok(rows)
}

/// Reads a published file in batches, after checking its bytes against the hash in the manifest.
pub(crate) fn stream<R: Row>(
    dir: &Utf8Path,
    entry: &Entry,
) -> Result<impl Iterator<Item = Result<Vec<R>>> + use<R>> {
    check_bytes(dir, entry)?;
    decode(dir, entry)
}

/// Reads a published file in batches, without checking its bytes.
pub(crate) fn decode<R: Row>(
    dir: &Utf8Path,
    entry: &Entry,
) -> Result<impl Iterator<Item = Result<Vec<R>>> + use<R>> {
    let path = dir.join(&entry.file);
    let (file, metadata) = open(&path, entry, &R::KIND)?;
    let mut first_row = 0;
    let read = batches(&path, file, metadata, ProjectionMask::all(), ROWS)?;
    Ok(read.map(move |batch| {
        let batch = batch?;
        let rows = R::read(Columns::new(&path, &batch), &path, first_row)?;
        first_row += rows.len();
        Ok(rows)
    }))
}

/// Reads the chosen columns of an open file in batches of at most `rows` rows.
///
/// The last item is an error if the file has another number of rows than its footer says.
pub(crate) fn batches<F: ChunkReader + 'static>(
    path: &Utf8Path,
    file: F,
    metadata: ArrowReaderMetadata,
    chosen: ProjectionMask,
    rows: usize,
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<F>> {
    let path = path.to_owned();
    let published = metadata.metadata().file_metadata().num_rows();
    let mut batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_projection(chosen)
        .with_batch_size(rows)
        .build()
        .map_err(Error::parquet(&path))?;
    let (mut found, mut has_ended) = (0, false);
    Ok(std::iter::from_fn(move || {
        if has_ended {
            return None;
        }
        let batch = batches.next().map(|batch| batch.map_err(Error::arrow(&path)));
        found += batch.as_ref().map_or(0, |batch| batch.as_ref().map_or(0, RecordBatch::num_rows));
        has_ended = !matches!(batch, Some(Ok(_)));
        // A footer can claim more rows than there are.
        if batch.is_none() && i64::try_from(found) != Ok(published) {
            let problem = format!("has {found} rows, but its footer says {published}");
            return Some(Err(Error::Damaged { path: path.clone(), problem }));
        }
        batch
    }))
}
