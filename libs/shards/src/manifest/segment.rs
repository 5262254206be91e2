//! Segments: Parquet files that contain the older changes of a manifest.
//!
//! A segment never changes. A version of the manifest names its segments, oldest first, and
//! contains the newest changes itself. When these are many, they become a segment. It absorbs the
//! last segments that are not at least twice as large. So each segment is at least twice as large
//! as the next one, a version of n entries has O(log n) segments, and n commits write O(n log n)
//! entries.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, StringArray, UInt64Array};
use camino::Utf8Path;

use super::{
    change::{Change, newest},
    entry::Entry,
};
use crate::{
    error::{Error, Result},
    files::open::FileKind,
    formats::MANIFEST_FORMAT,
    rows::table::{self, Row},
    schema::columns::{Columns, NamedColumns},
};

/// Largest number of changes that a version contains itself.
const INLINE: usize = 64;

/// Moves the newest changes of a version to a segment, if they are many.
///
/// `segments` and `changes` are those of the version with this `number`, in the folder `dir`. New
/// segments are written. The old ones stay.
pub(crate) fn compact(
    dir: &Utf8Path,
    number: u64,
    segments: &mut Vec<Entry>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    if changes.len() > INLINE {
        while let Some(last) = segments.pop_if(|last| last.rows < 2 * changes.len() as u64) {
            let mut older = read(dir, &last)?;
            older.append(changes);
            *changes = newest(older);
        }
    }
    if segments.is_empty() {
        // Nothing older is left that a removal could hide.
        changes.retain(|change| !change.removed);
    }
    if changes.len() > INLINE {
        let segment = table::write(dir, &format!("segment-{number}"), &std::mem::take(changes))?;
        genie_store::publish(&dir.join(&segment.file), segment.bytes, &segment.blake3)?;
        segments.push(segment);
    }
    Ok(())
}

/// Reads the changes of a segment in the folder `dir`.
pub(crate) fn read(dir: &Utf8Path, segment: &Entry) -> Result<Vec<Change>> {
    let path = dir.join(&segment.file);
    segment.check_path(&path)?;
    genie_store::fetch(&path, segment.bytes, &segment.blake3)?;
    if genie_durable::hash_file(&path)? != segment.blake3 {
        let problem =
            "this part of the manifest is damaged; restore the folder that it is in from \
                       a backup"
                .to_owned();
        return Err(Error::Damaged { path, problem });
    }
    let changes = table::decode(dir, segment)?.collect::<Result<Vec<Vec<Change>>>>()?.concat();
    changes.iter().try_for_each(|change| change.entry.check_path(&path))?;
    Ok(changes)
}

impl Row for Change {
    const KIND: FileKind =
        FileKind { name: "manifest", format: MANIFEST_FORMAT, command: "genie-ingest run" };

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let strings = |get: fn(&Self) -> &str| {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get))) as Arc<dyn Array>
        };
        let u64s = |get: fn(&Self) -> u64| {
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(get))) as Arc<dyn Array>
        };
        let removed: BooleanArray = rows.iter().map(|change| Some(change.removed)).collect();
        Ok(vec![
            ("table", strings(|change| &change.table), false),
            ("file", strings(|change| &change.entry.file), false),
            ("rows", u64s(|change| change.entry.rows), false),
            ("bytes", u64s(|change| change.entry.bytes), false),
            ("blake3", strings(|change| &change.entry.blake3), false),
            ("removed", Arc::new(removed), false),
        ])
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let string = |field| columns.required::<StringArray>(field);
        let u64s = |field| columns.required::<UInt64Array>(field);
        let (table, file, blake3) = (string("table")?, string("file")?, string("blake3")?);
        let (rows, bytes) = (u64s("rows")?, u64s("bytes")?);
        let removed = columns.required::<BooleanArray>("removed")?;
        let change = |i| Self {
            table: table.value(i).to_owned(),
            entry: Entry {
                file: file.value(i).to_owned(),
                rows: rows.value(i),
                bytes: bytes.value(i),
                blake3: blake3.value(i).to_owned(),
            },
            removed: removed.value(i),
        };
        Ok((0..columns.rows()).map(change).collect())
    }
}
