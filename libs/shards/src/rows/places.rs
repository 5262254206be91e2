//! Which windows a shard of tokens or actions has, without their contents.
//!
//! A shard has the windows of whole clips, one clip after the other. So its places are few runs.

use std::ops::Range;

use arrow::array::{StringArray, UInt16Array};
use camino::Utf8Path;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};

use super::{
    actions::{ActionRow, ActionWindow},
    stream::{read_columns, visit_columns},
    table::Row,
};
use crate::{
    error::{Error, Result},
    files::open::{open, verify},
    manifest::{Entry, tables},
    schema::columns::Columns,
};

/// Consecutive rows of a shard that have windows of one clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClipRun {
    pub clip_id: String,
    /// The rows, counted from 0.
    pub rows: Range<usize>,
}

/// Reads which clip each row of a shard belongs to; no other column is read.
///
/// `table` is [`crate::tables::TOKENS`] or [`crate::tables::ACTIONS`]. A later read of the windows
/// checks their contents.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn clip_runs(dir: &Utf8Path, table: &str, entry: &Entry) -> Result<Vec<ClipRun>> {
    let mut runs: Vec<ClipRun> = Vec::new();
    let mut row = 0;
    let read = visit_columns(dir, table, entry, &["clip_id"], |columns| {
        for clip_id in columns.required::<StringArray>("clip_id")? {
            let clip_id = clip_id.unwrap_or_default();
            match runs.last_mut() {
                Some(run) if run.clip_id == clip_id => run.rows.end += 1,
                _ => runs.push(ClipRun { clip_id: clip_id.to_owned(), rows: row..row + 1 }),
            }
            row += 1;
        }
        Ok(())
    });
    explained(dir, entry, read)?;
    Ok(runs)
}

/// Reads the shape of the first window of a token shard: frames, rows and columns.
///
/// All windows of a shard have the same shape.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn token_shape(dir: &Utf8Path, entry: &Entry) -> Result<[usize; 3]> {
    let path = dir.join(&entry.file);
    let names = ["t", "h", "w"];
    let read = read_columns(dir, tables::TOKENS, entry, &names).and_then(|mut batches| {
        let batch = batches.next().transpose()?;
        let batch = batch.filter(|batch| batch.num_rows() > 0).ok_or_else(|| Error::Damaged {
            path: path.clone(),
            problem: "has no rows".to_owned(),
        })?;
        let mut shape = [0; 3];
        for (size, name) in shape.iter_mut().zip(names) {
            let column = Columns::new(&path, &batch).required::<UInt16Array>(name)?;
            *size = usize::from(column.value(0));
        }
        Ok(shape)
    });
    explained(dir, entry, read)
}

/// Reads some consecutive windows of a shard of latent actions, in the order of writing.
///
/// Every window is checked against its hash.
///
/// # Errors
/// If the file cannot be read or is damaged, or does not have these rows.
pub fn read_action_rows(
    dir: &Utf8Path,
    entry: &Entry,
    rows: Range<usize>,
) -> Result<Vec<ActionWindow>> {
    explained(dir, entry, read_rows::<ActionRow>(dir, entry, &rows))
        .map(|rows| rows.into_iter().map(ActionRow::into_window).collect())
}

fn read_rows<R: Row>(dir: &Utf8Path, entry: &Entry, rows: &Range<usize>) -> Result<Vec<R>> {
    let path = dir.join(&entry.file);
    let (file, metadata) = open(&path, entry, &R::KIND)?;
    let wanted = vec![RowSelector::skip(rows.start), RowSelector::select(rows.len())];
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_selection(RowSelection::from(wanted))
        .build()
        .map_err(Error::parquet(&path))?;
    let mut found = Vec::with_capacity(rows.len());
    for batch in reader {
        let batch = batch.map_err(Error::arrow(&path))?;
        let first_row = rows.start + found.len();
        found.extend(R::read(Columns::new(&path, &batch), &path, first_row)?);
    }
    if found.len() == rows.len() {
        return Ok(found);
    }
    let problem = format!("has no rows {} to {}", rows.start, rows.end);
    Err(Error::Damaged { path, problem })
}

/// Replaces an error that has its cause in a damaged file: the new one says what to do.
pub(super) fn explained<T>(dir: &Utf8Path, entry: &Entry, read: Result<T>) -> Result<T> {
    read.or_else(|error| verify(dir, entry).and(Err(error)))
}
