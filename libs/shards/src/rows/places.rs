//! Which windows a shard of tokens or actions has, without their contents.
//!
//! A shard has the windows of whole clips, one clip after the other. So its places are few runs.

use std::ops::Range;

use arrow::array::{StringArray, UInt16Array};
use camino::Utf8Path;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};

use super::{
    actions::{ActionRow, ActionWindow},
    stream::{explained, visit_columns},
    table::Row,
    tokens::{TokenRow, TokenWindow},
};
use crate::{
    error::{Error, Result},
    files::open::open,
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
/// `table` is a name of [`crate::tables`], of one whose rows have clips. A later read of the rows
/// checks their contents.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn clip_runs(dir: &Utf8Path, table: &str, entry: &Entry) -> Result<Vec<ClipRun>> {
    let mut runs: Vec<ClipRun> = Vec::new();
    let mut row = 0;
    visit_columns(dir, table, entry, &["clip_id"], |columns| {
        for clip_id in columns.required::<StringArray>("clip_id")? {
            let clip_id = clip_id.unwrap_or_default();
            match runs.last_mut() {
                Some(run) if run.clip_id == clip_id => run.rows.end += 1,
                _ => runs.push(ClipRun { clip_id: clip_id.to_owned(), rows: row..row + 1 }),
            }
            row += 1;
        }
        Ok(())
    })?;
    Ok(runs)
}

/// Reads the shape of the first window of a token shard: frames, rows and columns.
///
/// All windows of a shard have the same shape.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn token_shape(dir: &Utf8Path, entry: &Entry) -> Result<[usize; 3]> {
    let names = ["t", "h", "w"];
    let mut shape = None;
    visit_columns(dir, tables::TOKENS, entry, &names, |columns| {
        if shape.is_none() && columns.rows() > 0 {
            let mut first = [0; 3];
            for (size, name) in first.iter_mut().zip(names) {
                *size = usize::from(columns.required::<UInt16Array>(name)?.value(0));
            }
            shape = Some(first);
        }
        Ok(())
    })?;
    let (path, problem) = (dir.join(&entry.file), "has no rows".to_owned());
    shape.ok_or(Error::Damaged { path, problem })
}

/// Reads some windows of a token shard, in the order of writing.
///
/// `rows` are ascending and apart from each other. Every window is checked against its hash.
///
/// # Errors
/// If the file cannot be read or is damaged, or does not have these rows.
pub fn read_token_rows(
    dir: &Utf8Path,
    entry: &Entry,
    rows: &[Range<usize>],
) -> Result<Vec<TokenWindow>> {
    explained(dir, entry, read_rows::<TokenRow>(dir, entry, rows))
        .map(|rows| rows.into_iter().map(TokenRow::into_window).collect())
}

/// Reads some windows of a shard of latent actions, in the order of writing.
///
/// `rows` are ascending and apart from each other. Every window is checked against its hash.
///
/// # Errors
/// If the file cannot be read or is damaged, or does not have these rows.
pub fn read_action_rows(
    dir: &Utf8Path,
    entry: &Entry,
    rows: &[Range<usize>],
) -> Result<Vec<ActionWindow>> {
    explained(dir, entry, read_rows::<ActionRow>(dir, entry, rows))
        .map(|rows| rows.into_iter().map(ActionRow::into_window).collect())
}

fn read_rows<R: Row>(dir: &Utf8Path, entry: &Entry, rows: &[Range<usize>]) -> Result<Vec<R>> {
    let path = dir.join(&entry.file);
    let (file, metadata) = open(&path, entry, &R::KIND)?;
    let (mut wanted, mut next) = (Vec::new(), 0);
    for Range { start, end } in rows {
        let skipped = start.checked_sub(next).ok_or_else(|| no_rows(&path, rows))?;
        wanted.extend([RowSelector::skip(skipped), RowSelector::select(end - start)]);
        next = *end;
    }
    let published = usize::try_from(entry.rows).unwrap_or(usize::MAX);
    if next > published {
        return Err(no_rows(&path, rows));
    }
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_selection(RowSelection::from(wanted))
        .build()
        .map_err(Error::parquet(&path))?;
    // The number of rows may come from a damaged file, so it does not decide how much is allocated.
    let mut found = Vec::new();
    for batch in reader {
        let batch = batch.map_err(Error::arrow(&path))?;
        let first = found.len();
        let read = R::read(Columns::new(&path, &batch), &path, first);
        found.extend(read.map_err(|error| match error {
            // The row in the file, and not among the rows that are read.
            Error::Hash { path, row, clip_id, what } => {
                let row = rows.iter().cloned().flatten().nth(row).unwrap_or_default();
                Error::Hash { path, row, clip_id, what }
            }
            error => error,
        })?);
    }
    let count = rows.iter().map(Range::len).sum::<usize>();
    if found.len() == count { Ok(found) } else { Err(no_rows(&path, rows)) }
}

fn no_rows(path: &Utf8Path, rows: &[Range<usize>]) -> Error {
    let (first, end) = (rows.first(), rows.last());
    let (first, end) = (first.map_or(0, |rows| rows.start), end.map_or(0, |rows| rows.end));
    Error::Damaged {
        path: path.to_owned(),
        problem: format!("does not have all of the rows {first} to {end}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing, write_tokens};

    /// Catches: rows of other ranges are read, or in another order; a damaged row has the number of
    /// another one.
    #[test]
    fn some_rows_of_a_shard_are_those_rows() {
        let (_dir, root) = testing::root();
        let window = |n: u16| TokenWindow {
            clip_id: format!("{}", n / 4),
            first_frame: u32::from(n % 4),
            tokens: vec![n],
            t: 1,
            h: 1,
            w: 1,
            ..TokenWindow::default()
        };
        let windows: Vec<TokenWindow> = (0..3000).map(window).collect();
        let entry = write_tokens(&root, "k", "one", &windows).unwrap();
        let ranges = |ends: &[(usize, usize)]| -> Vec<Range<usize>> {
            ends.iter().map(|(start, end)| *start..*end).collect()
        };
        let some = [(0, 1), (5, 9), (1020, 1030), (2999, 3000)];
        for rows in [&some[..], &[(0, 3000)], &[(7, 8)], &[]].map(ranges) {
            let found = read_token_rows(&root, &entry, &rows).unwrap();
            let expected: Vec<_> =
                rows.iter().flat_map(|rows| windows[rows.clone()].to_vec()).collect();
            assert_eq!(found, expected, "{rows:?}");
        }
        for rows in [&[(2999, 3001)][..], &[(5, 9), (8, 10)], &[(0, usize::MAX)]].map(ranges) {
            let error = read_token_rows(&root, &entry, &rows).unwrap_err();
            assert!(error.to_string().contains(&entry.file), "{rows:?}: {error}");
        }
    }
}
