//! Qualities: what a quality network says about clips.
//!
//! They are in `root/quality/<model>/`, which has its own manifest. A row is never changed. It
//! stays when its clip is dropped, so that the verdict on the clip stays, too.

pub(crate) mod examples;

use std::sync::Arc;

use arrow::array::{Array, Float32Array, StringArray};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::Result,
    files::open::FileKind,
    formats::QUALITY_FORMAT,
    manifest::Entry,
    schema::columns::{Columns, NamedColumns},
};

/// The quality of one clip.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QualityRow {
    pub clip_id: String,
    /// Probability that people call the clip good, from 0 to 1.
    pub quality: f32,
    /// Work key of the network.
    pub model: String,
}

/// Writes and publishes qualities at `dir/quality-<hash>.parquet`.
///
/// Commit the entry to the manifest of `dir` under [`crate::tables::QUALITY`].
///
/// # Errors
/// If there are no rows, or the file cannot be written.
pub fn write_quality(dir: &Utf8Path, rows: &[QualityRow]) -> Result<Entry> {
    table::write(dir, "quality", rows)
}

/// Reads the qualities of one published file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn quality_of_file(dir: &Utf8Path, entry: &Entry) -> Result<Vec<QualityRow>> {
    table::read(dir, entry)
}

impl Row for QualityRow {
    const KIND: FileKind =
        FileKind { name: "quality", format: QUALITY_FORMAT, command: "genie-train quality score" };

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let texts = |get: fn(&Self) -> &str| -> Arc<dyn Array> {
            Arc::new(StringArray::from_iter_values(rows.iter().map(get)))
        };
        let quality = Float32Array::from_iter_values(rows.iter().map(|row| row.quality));
        Ok(vec![
            ("clip_id", texts(|row| &row.clip_id), false),
            ("quality", Arc::new(quality), false),
            ("model", texts(|row| &row.model), false),
        ])
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let quality = columns.required::<Float32Array>("quality")?;
        let model = columns.required::<StringArray>("model")?;
        let row = |i| Self {
            clip_id: clip_id.value(i).to_owned(),
            quality: quality.value(i),
            model: model.value(i).to_owned(),
        };
        Ok((0..columns.rows()).map(row).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Catches: a quality is stored for another clip, or rounded.
    #[test]
    fn qualities_are_read_as_they_were_written() {
        let (_dir, root) = testing::root();
        let row = |clip: &str, quality| QualityRow {
            clip_id: clip.to_owned(),
            quality,
            model: "0123456789abcdef".to_owned(),
        };
        let rows = [row("a", 0.0), row("b", 0.1), row("c", 1.0)];
        let entry = write_quality(&root, &rows).unwrap();
        assert_eq!(quality_of_file(&root, &entry).unwrap(), rows);
    }
}
