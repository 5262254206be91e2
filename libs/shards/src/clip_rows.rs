//! Clip rows: one narrow row a clip, kept or rejected, so that questions about clips never open a payload.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, StringArray};
use camino::Utf8Path;

use crate::{
    CATALOG_FORMAT, ClipMeta, clip_columns,
    columns::Columns,
    error::Result,
    manifest::{Entry, Manifest, tables},
    table::{self, NamedColumns, Row},
};

/// A clip and whether it was kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClipRow {
    pub meta: ClipMeta,
    /// Whether it lies in a clip shard.
    pub kept: bool,
    /// Stable code of why it was rejected.
    pub reason: Option<String>,
}

/// Writes and publishes clip rows at `root/catalog/clips-<name>-<hash>.parquet`. Commit the entry to the root's manifest
/// under [`tables::CLIP_ROWS`].
///
/// # Errors
/// When there are no rows, a row is not whole, or the file cannot be written.
pub fn write_clip_rows(root: &Utf8Path, name: &str, rows: &[ClipRow]) -> Result<Entry> {
    let entry = table::write(&root.join("catalog"), &format!("clips-{name}"), rows)?;
    Ok(Entry { file: format!("catalog/{}", entry.file), ..entry })
}

/// Reads all published clip rows, by source, then time.
///
/// # Errors
/// When the manifest or a file that it names cannot be read or is damaged.
pub fn read_clip_rows(root: &Utf8Path) -> Result<Vec<ClipRow>> {
    let mut rows = Vec::new();
    for entry in Manifest::load(root)?.table(tables::CLIP_ROWS) {
        rows.extend(table::read::<ClipRow>(root, entry)?);
    }
    rows.sort_by(|a, b| a.meta.order().cmp(&b.meta.order()));
    Ok(rows)
}

impl Row for ClipRow {
    const KIND: &'static str = "clip rows";
    const FORMAT: u32 = CATALOG_FORMAT;
    const HIDDEN: &'static [&'static str] = &["frame_pts", "actions", "effects"];

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let metas: Vec<&ClipMeta> = rows.iter().map(|row| &row.meta).collect();
        let mut columns = clip_columns::write(&metas);
        let has_actions = |row: &Self| Some(row.meta.actions.is_some());
        let flags = |get: &dyn Fn(&Self) -> Option<bool>| {
            Arc::new(rows.iter().map(get).collect::<BooleanArray>()) as Arc<dyn Array>
        };
        columns.push(("has_actions", flags(&has_actions), false));
        columns.push(("kept", flags(&|row| Some(row.kept)), false));
        let reasons: StringArray = rows.iter().map(|row| row.reason.as_deref()).collect();
        columns.push(("reason", Arc::new(reasons), true));
        Ok(columns)
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let kept = columns.required::<BooleanArray>("kept")?;
        let reason = columns.optional::<StringArray>("reason")?;
        let metas = clip_columns::read(columns)?.into_iter().enumerate();
        let row = |(i, meta)| Self {
            meta,
            kept: kept.value(i),
            reason: reason.is_valid(i).then(|| reason.value(i).to_owned()),
        };
        Ok(metas.map(row).collect())
    }
}
