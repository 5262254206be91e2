//! Streams tables: a bounded number of rows of one file at a time.
//!
//! A table of millions of rows does not fit in memory, and most readers need few of its columns. So
//! readers go through the entries of a manifest, and read each file in batches: as rows, or as
//! chosen columns.
//!
//! # Which reads compare a file with its hash
//!
//! Every read checks that a file has the length, the kind and the number of rows that were
//! published. The bytes are compared with the hash in the manifest first, if what is read decides
//! about other files or about training, and nothing checks it later: all rows that are read whole,
//! and the columns of [`visit_verified`].
//!
//! Other reads trust the manifest ([`visit_columns`]), because comparing would cost more than the
//! read: the columns of clip shards (a payload has a hash of its own), which clip each window
//! belongs to (a window has a hash of its own), numbers for people, and SQL. If such a read fails,
//! the file is compared with its hash. So the error says that the file is damaged, and what to do.

use arrow::array::{RecordBatch, StringArray, UInt32Array};
use camino::Utf8Path;
use parquet::arrow::ProjectionMask;

use super::{clip_rows::ClipRow, narrow::kind, sources::SourceRow, table};
use crate::{
    error::{Error, Result},
    files::open::{check_bytes, open_parts},
    manifest::{Entry, tables},
    schema::columns::Columns,
    store::writer::KIND as CLIP_SHARDS,
};

/// Reads some columns of a published file, at most 1024 rows at a time.
///
/// `table` is a name of [`crate::tables`]. The columns come in the order of the file. The bytes are
/// not compared with the hash in the manifest. Of a file in a store, only these columns are read.
///
/// # Errors
/// If the file cannot be opened, has another format, or lacks one of the columns. The iterator
/// returns an error if a batch cannot be read.
pub(super) fn read_columns(
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
    let shards = (table == tables::CLIPS).then_some(CLIP_SHARDS);
    let kind = kind(table).or(shards).ok_or_else(|| wrong(table, "is not the name of a table"))?;
    let (file, metadata) = open_parts(&path, entry, &kind)?;
    let fields = metadata.schema().fields().clone();
    if let Some(field) = wanted.iter().find(|name| fields.find(name).is_none()) {
        return Err(wrong(field, "is missing"));
    }
    let chosen = fields.iter().enumerate().filter(|(_, field)| wanted.contains(&&**field.name()));
    let mask = ProjectionMask::roots(metadata.parquet_schema(), chosen.map(|(number, _)| number));
    table::batches(&path, file, metadata, mask, table::ROWS)
}

/// Calls `visit` with some columns of each batch of a published file, and trusts the manifest.
///
/// # Errors
/// As [`read_columns`], also of a batch, and the errors of `visit`. If the file is damaged, the
/// error says so.
pub(crate) fn visit_columns(
    dir: &Utf8Path,
    table: &str,
    entry: &Entry,
    wanted: &[&str],
    mut visit: impl FnMut(Columns<'_>) -> Result<()>,
) -> Result<()> {
    let path = dir.join(&entry.file);
    let read = read_columns(dir, table, entry, wanted)
        .and_then(|mut batches| batches.try_for_each(|batch| visit(Columns::new(&path, &batch?))));
    explained(dir, entry, read)
}

/// Does the same as [`visit_columns`], after comparing the file with its hash.
///
/// # Errors
/// As [`visit_columns`], and if the file is damaged.
pub(crate) fn visit_verified(
    dir: &Utf8Path,
    table: &str,
    entry: &Entry,
    wanted: &[&str],
    visit: impl FnMut(Columns<'_>) -> Result<()>,
) -> Result<()> {
    check_bytes(dir, entry)?;
    visit_columns(dir, table, entry, wanted, visit)
}

/// Replaces an error that has its cause in a damaged file: the new one says what to do.
pub(crate) fn explained<T>(dir: &Utf8Path, entry: &Entry, read: Result<T>) -> Result<T> {
    read.or_else(|error| check_bytes(dir, entry).and(Err(error)))
}

/// The clip of a window, and the window's first frame in it.
pub type WindowPlace = (String, u32);

/// Calls `visit` with the place of each window in a published file of tokens or actions.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn visit_places(
    dir: &Utf8Path,
    table: &str,
    entry: &Entry,
    mut visit: impl FnMut(WindowPlace),
) -> Result<()> {
    visit_columns(dir, table, entry, &["clip_id", "first_frame"], |columns| {
        let clips = columns.required::<StringArray>("clip_id")?.iter().flatten();
        let frames = columns.required::<UInt32Array>("first_frame")?.values().iter();
        clips.zip(frames).for_each(|(clip, first)| visit((clip.to_owned(), *first)));
        Ok(())
    })
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
