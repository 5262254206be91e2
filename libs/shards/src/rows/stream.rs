//! Streams narrow tables: a bounded number of rows of one file at a time.
//!
//! A table of millions of rows does not fit in memory, and most readers need few of its columns. So
//! readers go through the entries of a manifest, and read each file in batches: as rows, or as
//! chosen columns.

use arrow::array::RecordBatch;
use camino::Utf8Path;
use parquet::arrow::ProjectionMask;

use super::{clip_rows::ClipRow, narrow::kind, sources::SourceRow, table};
use crate::{
    error::{Error, Result},
    files::open::open,
    manifest::Entry,
};

/// Reads some columns of a published file of a narrow table, at most 1024 rows at a time.
///
/// `table` is a name of [`crate::tables`], other than the clip shards. The columns come in the
/// order of the file. The bytes are not compared with the hash in the manifest; to do that, call
/// [`crate::verify`].
///
/// # Errors
/// If the file cannot be opened, has another format, or lacks one of the columns. The iterator
/// returns an error if a batch cannot be read.
pub fn read_columns(
    dir: &Utf8Path,
    table: &str,
    entry: &Entry,
    wanted: &[&str],
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<>> {
    let path = dir.join(&entry.file);
    let wrong = |field: &str, problem: &str| Error::Column {
        path: path.clone(),
        field: field.to_owned(),
        problem: problem.to_owned(),
    };
    let kind = kind(table).ok_or_else(|| wrong(table, "is not the name of a narrow table"))?;
    let (file, metadata) = open(&path, entry, &kind)?;
    let fields = metadata.schema().fields().clone();
    if let Some(field) = wanted.iter().find(|name| fields.find(name).is_none()) {
        return Err(wrong(field, "is missing"));
    }
    let chosen = fields.iter().enumerate().filter(|(_, field)| wanted.contains(&&**field.name()));
    let mask = ProjectionMask::roots(metadata.parquet_schema(), chosen.map(|(number, _)| number));
    table::batches(&path, file, metadata, mask)
}

/// Reads a published file of source rows, at most 1024 rows at a time, after checking its hash.
///
/// # Errors
/// If the file is damaged or has another format. The iterator returns an error if a batch cannot be
/// read.
pub fn stream_sources(
    root: &Utf8Path,
    entry: &Entry,
) -> Result<impl Iterator<Item = Result<Vec<SourceRow>>> + use<>> {
    table::stream(root, entry)
}

/// Reads a published file of clip rows, at most 1024 rows at a time, after checking its hash.
///
/// # Errors
/// As [`stream_sources`].
pub fn stream_clip_rows(
    root: &Utf8Path,
    entry: &Entry,
) -> Result<impl Iterator<Item = Result<Vec<ClipRow>>> + use<>> {
    table::stream(root, entry)
}
