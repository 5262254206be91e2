//! Clip rows: one narrow row per clip, kept or rejected, so that queries never read a payload.

pub(crate) mod rates;

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Float32Array, RecordBatch, StringArray};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::Result,
    files::open::FileKind,
    formats::CATALOG_FORMAT,
    manifest::{Entry, Manifest, tables},
    schema::{
        clip::ClipMeta,
        clip_columns,
        columns::{self, Columns, NamedColumns},
    },
};

/// Name of the column with the quality of a clip.
const QUALITY: &str = "quality";

/// The metadata of a clip, and the verdict on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClipRow {
    pub meta: ClipMeta,
    /// Whether the clip is in a clip shard.
    pub kept: bool,
    /// Reason of the rejection: a stable code, or the part of `ingest.keep` that is not true.
    pub reason: Option<String>,
    /// Id of the kept clip of which this clip is a near-duplicate.
    pub duplicate_of: Option<String>,
    /// Probability that people call the clip good, by the network of `ingest.quality`.
    ///
    /// `None` if there is no such network, or if it has not judged the clip yet.
    pub quality: Option<f32>,
}

/// Writes and publishes clip rows at `root/catalog/clips-<name>-<hash>.parquet`.
///
/// Commit the entry to the manifest of `root` under [`tables::CLIP_ROWS`].
///
/// # Errors
/// If there are no rows, a row is incomplete, or the file cannot be written.
pub fn write_clip_rows(root: &Utf8Path, name: &str, rows: &[ClipRow]) -> Result<Entry> {
    let entry = table::write(&root.join("catalog"), &format!("clips-{name}"), rows)?;
    Ok(Entry { file: format!("catalog/{}", entry.file), ..entry })
}

/// Reads all published clip rows, sorted by source, then time.
///
/// The rows of a large dataset need gigabytes: programs use [`crate::stream_clip_rows`].
///
/// # Errors
/// If the manifest or one of its files cannot be read or is damaged.
pub fn read_clip_rows(root: &Utf8Path) -> Result<Vec<ClipRow>> {
    let mut rows = Vec::new();
    for entry in Manifest::load(root)?.table(tables::CLIP_ROWS) {
        rows.extend(table::read::<ClipRow>(root, entry)?);
    }
    rows.sort_by(|a, b| a.meta.order().cmp(&b.meta.order()));
    Ok(rows)
}

/// Reads the clip rows of one published file, in their order.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn clip_rows_of_file(root: &Utf8Path, entry: &Entry) -> Result<Vec<ClipRow>> {
    table::read(root, entry)
}

/// Returns the columns that a condition on clips may use.
///
/// They are the columns that SQL shows, without the columns of the verdict.
///
/// # Errors
/// If the rows cannot be columns of one table.
pub fn condition_columns(rows: &[ClipRow]) -> Result<RecordBatch> {
    const VERDICT: [&str; 3] = ["kept", "reason", "duplicate_of"];
    let mut columns = ClipRow::columns(rows)?;
    columns.retain(|(name, ..)| !ClipRow::HIDDEN.contains(name) && !VERDICT.contains(name));
    columns::batch(Utf8Path::new("clips"), columns)
}

impl Row for ClipRow {
    const KIND: FileKind =
        FileKind { name: "clip rows", format: CATALOG_FORMAT, command: "genie-ingest run" };
    const HIDDEN: &'static [&'static str] = &["frame_pts", "actions", "effects", "fingerprint"];

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let metas: Vec<&ClipMeta> = rows.iter().map(|row| &row.meta).collect();
        let mut columns = clip_columns::write(&metas);
        let has_actions = |row: &Self| Some(row.meta.actions.is_some());
        let flags = |get: &dyn Fn(&Self) -> Option<bool>| {
            Arc::new(rows.iter().map(get).collect::<BooleanArray>()) as Arc<dyn Array>
        };
        columns.push(("has_actions", flags(&has_actions), false));
        columns.push(("kept", flags(&|row| Some(row.kept)), false));
        let texts = |get: fn(&Self) -> Option<&str>| {
            Arc::new(rows.iter().map(get).collect::<StringArray>()) as Arc<dyn Array>
        };
        columns.push(("reason", texts(|row| row.reason.as_deref()), true));
        columns.push(("duplicate_of", texts(|row| row.duplicate_of.as_deref()), true));
        let quality: Float32Array = rows.iter().map(|row| row.quality).collect();
        columns.push((QUALITY, Arc::new(quality), true));
        Ok(columns)
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let kept = columns.required::<BooleanArray>("kept")?;
        let text = |field| columns.optional::<StringArray>(field);
        let (reason, duplicate_of) = (text("reason")?, text("duplicate_of")?);
        let owned =
            |column: &StringArray, i| column.is_valid(i).then(|| column.value(i).to_owned());
        // Files of earlier versions do not have the column.
        let quality = columns.has(QUALITY).then(|| columns.optional::<Float32Array>(QUALITY));
        let quality = quality.transpose()?;
        let judged = |i| quality.filter(|column| column.is_valid(i)).map(|column| column.value(i));
        let metas = clip_columns::read(columns)?.into_iter().enumerate();
        let row = |(i, meta)| Self {
            meta,
            kept: kept.value(i),
            reason: owned(reason, i),
            duplicate_of: owned(duplicate_of, i),
            quality: judged(i),
        };
        Ok(metas.map(row).collect())
    }
}
