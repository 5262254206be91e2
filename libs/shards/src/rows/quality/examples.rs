//! Examples: the small frames of labelled clips, from which quality networks learn.
//!
//! They are in `root/quality/examples/`, which has its own manifest. An example stays when its clip
//! is dropped, because a later network must learn from it, too.

use std::sync::Arc;

use arrow::array::{BinaryArray, StringArray};
use camino::Utf8Path;

use crate::{
    error::Result,
    files::open::FileKind,
    formats::EXAMPLES_FORMAT,
    manifest::Entry,
    rows::table::{self, Row},
    schema::columns::{Columns, NamedColumns},
};

/// What a quality network sees of a labelled clip.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExampleRow {
    pub clip_id: String,
    /// Small frames, as the network takes them.
    pub frames: Vec<u8>,
}

/// Writes and publishes examples at `dir/examples-<hash>.parquet`.
///
/// Commit the entry to the manifest of `dir` under [`crate::tables::EXAMPLES`].
///
/// # Errors
/// If there are no rows, or the file cannot be written.
pub fn write_examples(dir: &Utf8Path, rows: &[ExampleRow]) -> Result<Entry> {
    table::write(dir, "examples", rows)
}

/// Reads the examples of one published file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn examples_of_file(dir: &Utf8Path, entry: &Entry) -> Result<Vec<ExampleRow>> {
    table::read(dir, entry)
}

impl Row for ExampleRow {
    const KIND: FileKind =
        FileKind { name: "examples", format: EXAMPLES_FORMAT, command: "genie-train quality fit" };

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let ids = StringArray::from_iter_values(rows.iter().map(|row| &row.clip_id));
        let frames = BinaryArray::from_iter_values(rows.iter().map(|row| &row.frames));
        Ok(vec![("clip_id", Arc::new(ids), false), ("frames", Arc::new(frames), false)])
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let ids = columns.required::<StringArray>("clip_id")?;
        let frames = columns.required::<BinaryArray>("frames")?;
        let row = |i| Self { clip_id: ids.value(i).to_owned(), frames: frames.value(i).to_vec() };
        Ok((0..columns.rows()).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Catches: an example has the frames of another clip.
    #[test]
    fn examples_are_read_as_they_were_written() {
        let (_dir, root) = testing::root();
        let row = |clip: &str, frames: &[u8]| ExampleRow {
            clip_id: clip.to_owned(),
            frames: frames.to_vec(),
        };
        let rows = [row("a", &[1, 2]), row("b", &[]), row("c", &[0; 5000])];
        let entry = write_examples(&root, &rows).unwrap();
        assert_eq!(examples_of_file(&root, &entry).unwrap(), rows);
    }
}
