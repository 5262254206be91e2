//! Reads a few columns of the clip rows as a stream, one published file at a time.
//!
//! A file is read in batches, so the memory does not depend on the number of its rows.

use arrow::array::{
    Array, BinaryArray, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch,
    StringArray, UInt32Array,
};
use camino::Utf8Path;
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use super::{clip_rows::ClipRow, table::Row};
use crate::{
    error::{Error, Result},
    files::open::{open, verify},
    manifest::Entry,
    schema::{columns::Columns, scores::FINGERPRINT, timing::ClipRates},
};

/// What the search for near-duplicates needs of a clip.
#[derive(Debug, Clone, Copy)]
pub struct ClipPrint<'a> {
    pub clip_id: &'a str,
    pub source_id: &'a str,
    pub start_pts: i64,
    pub frames: u32,
    pub fps: f64,
    pub has_actions: bool,
    pub fingerprint: &'a [u8],
}

/// Calls `visit` with the fingerprint of each clip of a published file of clip rows.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn scan_prints(
    root: &Utf8Path,
    entry: &Entry,
    visit: &mut dyn FnMut(ClipPrint<'_>),
) -> Result<()> {
    const COLUMNS: [&str; 7] =
        ["clip_id", "source_id", "start_pts", "frames", "fps", "has_actions", FINGERPRINT];
    scan::<ClipRow>(root, entry, &COLUMNS, |columns| {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let source_id = columns.required::<StringArray>("source_id")?;
        let start_pts = columns.required::<Int64Array>("start_pts")?;
        let frames = columns.required::<UInt32Array>("frames")?;
        let fps = columns.required::<Float64Array>("fps")?;
        let has_actions = columns.required::<BooleanArray>("has_actions")?;
        let fingerprint = columns.required::<BinaryArray>(FINGERPRINT)?;
        for i in 0..columns.rows() {
            visit(ClipPrint {
                clip_id: clip_id.value(i),
                source_id: source_id.value(i),
                start_pts: start_pts.value(i),
                frames: frames.value(i),
                fps: fps.value(i),
                has_actions: has_actions.value(i),
                fingerprint: fingerprint.value(i),
            });
        }
        Ok(())
    })
}

/// The verdict on a clip, and its frame rates.
pub struct ClipOutcome<'a> {
    pub source_id: &'a str,
    pub kept: bool,
    pub reason: Option<&'a str>,
    pub rates: ClipRates,
}

/// Calls `visit` with the verdict on each clip of a published file of clip rows.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn scan_outcomes(
    root: &Utf8Path,
    entry: &Entry,
    visit: &mut dyn FnMut(ClipOutcome<'_>),
) -> Result<()> {
    const COLUMNS: [&str; 7] =
        ["source_id", "kept", "reason", "frames", "fps", "source_fps", "mixed_actions"];
    scan::<ClipRow>(root, entry, &COLUMNS, |columns| {
        let source_id = columns.required::<StringArray>("source_id")?;
        let kept = columns.required::<BooleanArray>("kept")?;
        let reason = columns.optional::<StringArray>("reason")?;
        let frames = columns.required::<UInt32Array>("frames")?;
        let fps = columns.required::<Float64Array>("fps")?;
        let source_fps = columns.required::<Float64Array>("source_fps")?;
        let mixed = columns.optional::<Float32Array>("mixed_actions")?;
        for i in 0..columns.rows() {
            let rates = ClipRates {
                frames: frames.value(i) as usize,
                fps: fps.value(i),
                source_fps: source_fps.value(i),
                mixed_actions: mixed.is_valid(i).then(|| mixed.value(i)),
            };
            visit(ClipOutcome {
                source_id: source_id.value(i),
                kept: kept.value(i),
                reason: reason.is_valid(i).then(|| reason.value(i)),
                rates,
            });
        }
        Ok(())
    })
}

/// Calls `visit` with the source of each clip row of a published file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn scan_clip_sources(
    root: &Utf8Path,
    entry: &Entry,
    visit: &mut dyn FnMut(&str),
) -> Result<()> {
    scan::<ClipRow>(root, entry, &["source_id"], |columns| {
        columns.required::<StringArray>("source_id")?.iter().flatten().for_each(&mut *visit);
        Ok(())
    })
}

/// Calls `visit` with the clip rows of a published file, some at a time.
///
/// # Errors
/// If the file cannot be read or is damaged, and the errors of `visit`.
pub fn scan_clip_rows<E: From<Error>>(
    root: &Utf8Path,
    entry: &Entry,
    mut visit: impl FnMut(Vec<ClipRow>) -> Result<(), E>,
) -> Result<(), E> {
    let path = root.join(&entry.file);
    let mut first_row = 0;
    for batch in batches::<ClipRow>(root, entry, None)? {
        let batch = batch.map_err(Error::arrow(&path))?;
        let rows = ClipRow::read(Columns::new(&path, &batch), &path, first_row)?;
        first_row += rows.len();
        visit(rows)?;
    }
    Ok(())
}

fn scan<R: Row>(
    root: &Utf8Path,
    entry: &Entry,
    columns: &[&str],
    mut visit: impl FnMut(Columns<'_>) -> Result<()>,
) -> Result<()> {
    let path = root.join(&entry.file);
    for batch in batches::<R>(root, entry, Some(columns))? {
        let batch: RecordBatch = batch.map_err(Error::arrow(&path))?;
        visit(Columns::new(&path, &batch))?;
    }
    Ok(())
}

/// The batches of a published file, with these columns or all.
fn batches<R: Row>(
    root: &Utf8Path,
    entry: &Entry,
    columns: Option<&[&str]>,
) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader> {
    let path = root.join(&entry.file);
    verify(root, entry)?;
    let (file, metadata) = open(&path, entry, &R::KIND)?;
    let wanted = |name: &str| columns.is_none_or(|columns| columns.contains(&name));
    let fields = metadata.schema().fields().iter().enumerate();
    let roots = fields.filter(|(_, field)| wanted(field.name())).map(|(i, _)| i);
    let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    builder.with_projection(mask).build().map_err(Error::parquet(&path))
}
