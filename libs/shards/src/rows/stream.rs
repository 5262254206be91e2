//! Streams tables: a bounded number of rows of one file at a time.
//!
//! A table of millions of rows does not fit in memory, and most readers need few of its columns. So
//! readers go through the entries of a manifest, and read each file in batches: as rows, or as
//! chosen columns.

use arrow::array::{RecordBatch, StringArray, UInt32Array};
use camino::Utf8Path;
use parquet::arrow::ProjectionMask;

use super::{clip_rows::ClipRow, narrow::kind, sources::SourceRow, table};
use crate::{
    error::{Error, Result},
    files::open::open,
    manifest::{Entry, tables},
    schema::columns::Columns,
    store::writer::KIND as CLIP_SHARDS,
};

/// Reads some columns of a published file, at most 1024 rows at a time.
///
/// `table` is a name of [`crate::tables`]. The columns come in the order of the file. The bytes are
/// not compared with the hash in the manifest; to do that, call [`crate::verify`].
///
/// # Errors
/// If the file cannot be opened, has another format, or lacks one of the columns. The iterator
/// returns an error if a batch cannot be read.
pub(crate) fn read_columns(
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
    let (file, metadata) = open(&path, entry, &kind)?;
    let fields = metadata.schema().fields().clone();
    if let Some(field) = wanted.iter().find(|name| fields.find(name).is_none()) {
        return Err(wrong(field, "is missing"));
    }
    let chosen = fields.iter().enumerate().filter(|(_, field)| wanted.contains(&&**field.name()));
    let mask = ProjectionMask::roots(metadata.parquet_schema(), chosen.map(|(number, _)| number));
    table::batches(&path, file, metadata, mask)
}

/// Calls `visit` with some columns of each batch of a published file.
///
/// # Errors
/// As [`read_columns`], also of a batch, and the errors of `visit`.
pub(crate) fn visit_columns(
    dir: &Utf8Path,
    table: &str,
    entry: &Entry,
    wanted: &[&str],
    mut visit: impl FnMut(Columns<'_>) -> Result<()>,
) -> Result<()> {
    let path = dir.join(&entry.file);
    for batch in read_columns(dir, table, entry, wanted)? {
        visit(Columns::new(&path, &batch?))?;
    }
    Ok(())
}

/// The clip of a window, and the window's first frame in it.
pub type WindowPlace = (String, u32);

/// Reads the places of the windows in a published file of tokens or actions, in batches.
///
/// # Errors
/// As [`read_columns`].
pub fn read_places(
    dir: &Utf8Path,
    table: &str,
    entry: &Entry,
) -> Result<impl Iterator<Item = Result<Vec<WindowPlace>>> + use<>> {
    let path = dir.join(&entry.file);
    let read = read_columns(dir, table, entry, &["clip_id", "first_frame"])?;
    Ok(read.map(move |batch| {
        let batch = batch?;
        let columns = Columns::new(&path, &batch);
        let clips = columns.required::<StringArray>("clip_id")?;
        let frames = columns.required::<UInt32Array>("first_frame")?;
        let clips = clips.iter().flatten().map(str::to_owned);
        Ok(clips.zip(frames.values().iter().copied()).collect())
    }))
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
