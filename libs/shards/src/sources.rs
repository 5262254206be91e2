//! Source rows: one a source file, accepted or rejected. Nothing that ingest saw is forgotten: a bad video is a row with
//! a reason, not a line of a log.

use std::sync::Arc;

use arrow::array::{
    Array, BooleanArray, Float64Array, Int64Array, StringArray, UInt32Array, UInt64Array,
};
use camino::Utf8Path;

use crate::{
    CATALOG_FORMAT,
    columns::Columns,
    error::Result,
    manifest::{Entry, Manifest, tables},
    table::{self, NamedColumns, Row},
};

/// Whether a source could be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    #[default]
    Accepted,
    Rejected,
}

impl Status {
    /// The name on disk: `accepted` or `rejected`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// What ingest knows of one source file. What it could not learn, because the file was rejected before, is `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceRow {
    /// 64 hex digits: BLAKE3 of the file; empty where it could not be read at all.
    pub source_id: String,
    pub source_path: String,
    pub bytes: u64,
    /// When the file was last written, in nanoseconds since 1970: with path and size, it saves reading the file again.
    pub modified_ns: i64,
    pub status: Status,
    /// Stable code of why it was rejected.
    pub reason: Option<String>,
    /// The same for people: what exactly was wrong.
    pub detail: Option<String>,
    pub duration_s: Option<f64>,
    pub clips_kept: u32,
    pub codec: Option<String>,
    /// Native size and frame rate.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fps: Option<f64>,
    /// The part of the picture that was used, `WIDTHxHEIGHT+X+Y`, where black borders were cropped away.
    pub crop: Option<String>,
    /// Whether a sidecar of true actions was found.
    pub has_actions: bool,
    /// Work key of the ingest that wrote the row: the same key and source mean that there is nothing to do.
    pub ingest_key: String,
    /// Key of what was judged by the words beside it; empty where there are none.
    pub metadata_key: String,
}

/// Writes and publishes source rows at `root/catalog/sources-<name>-<hash>.parquet`. Commit the entry to the root's
/// manifest under [`tables::SOURCES`].
///
/// # Errors
/// When there are no rows, or the file cannot be written.
pub fn write_sources(root: &Utf8Path, name: &str, rows: &[SourceRow]) -> Result<Entry> {
    let entry = table::write(&root.join("catalog"), &format!("sources-{name}"), rows)?;
    Ok(Entry { file: format!("catalog/{}", entry.file), ..entry })
}

/// Reads all published source rows, by path.
///
/// # Errors
/// When the manifest or a file that it names cannot be read or is damaged.
pub fn read_sources(root: &Utf8Path) -> Result<Vec<SourceRow>> {
    let mut rows = Vec::new();
    for entry in Manifest::load(root)?.table(tables::SOURCES) {
        rows.extend(table::read::<SourceRow>(root, entry)?);
    }
    rows.sort_by(|a, b| {
        (&a.source_path, &a.source_id, &a.ingest_key).cmp(&(
            &b.source_path,
            &b.source_id,
            &b.ingest_key,
        ))
    });
    Ok(rows)
}

impl Row for SourceRow {
    const KIND: &'static str = "source rows";
    const FORMAT: u32 = CATALOG_FORMAT;

    fn columns(rows: &[Self]) -> Result<NamedColumns> {
        let strings = |get: fn(&Self) -> Option<&str>| {
            Arc::new(rows.iter().map(get).collect::<StringArray>()) as Arc<dyn Array>
        };
        let u32s = |get: fn(&Self) -> Option<u32>| {
            Arc::new(rows.iter().map(get).collect::<UInt32Array>()) as Arc<dyn Array>
        };
        let f64s = |get: fn(&Self) -> Option<f64>| {
            Arc::new(rows.iter().map(get).collect::<Float64Array>()) as Arc<dyn Array>
        };
        let has_actions: BooleanArray = rows.iter().map(|row| Some(row.has_actions)).collect();
        Ok(vec![
            ("source_id", strings(|row| Some(&row.source_id)), false),
            ("source_path", strings(|row| Some(&row.source_path)), false),
            (
                "bytes",
                Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.bytes))),
                false,
            ),
            (
                "modified_ns",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.modified_ns))),
                false,
            ),
            ("status", strings(|row| Some(row.status.as_str())), false),
            ("reason", strings(|row| row.reason.as_deref()), true),
            ("detail", strings(|row| row.detail.as_deref()), true),
            ("duration_s", f64s(|row| row.duration_s), true),
            ("clips_kept", u32s(|row| Some(row.clips_kept)), false),
            ("codec", strings(|row| row.codec.as_deref()), true),
            ("width", u32s(|row| row.width), true),
            ("height", u32s(|row| row.height), true),
            ("fps", f64s(|row| row.fps), true),
            ("crop", strings(|row| row.crop.as_deref()), true),
            ("has_actions", Arc::new(has_actions), false),
            ("ingest_key", strings(|row| Some(&row.ingest_key)), false),
            ("metadata_key", strings(|row| Some(&row.metadata_key)), false),
        ])
    }

    fn read(columns: Columns<'_>, _path: &Utf8Path, _first_row: usize) -> Result<Vec<Self>> {
        let string = |field| columns.required::<StringArray>(field);
        let text = |field| columns.optional::<StringArray>(field);
        let (source_id, source_path) = (string("source_id")?, string("source_path")?);
        let (ingest_key, metadata_key) = (string("ingest_key")?, string("metadata_key")?);
        let bytes = columns.required::<UInt64Array>("bytes")?;
        let modified_ns = columns.required::<Int64Array>("modified_ns")?;
        let status = string("status")?;
        let (reason, detail, codec, crop) =
            (text("reason")?, text("detail")?, text("codec")?, text("crop")?);
        let duration = columns.optional::<Float64Array>("duration_s")?;
        let clips_kept = columns.required::<UInt32Array>("clips_kept")?;
        let (width, height) =
            (columns.optional::<UInt32Array>("width")?, columns.optional::<UInt32Array>("height")?);
        let fps = columns.optional::<Float64Array>("fps")?;
        let has_actions = columns.required::<BooleanArray>("has_actions")?;
        let owned =
            |column: &StringArray, i| column.is_valid(i).then(|| column.value(i).to_owned());
        let row = |i| {
            Ok(Self {
                source_id: source_id.value(i).to_owned(),
                source_path: source_path.value(i).to_owned(),
                bytes: bytes.value(i),
                modified_ns: modified_ns.value(i),
                status: parse_status(columns, status.value(i))?,
                reason: owned(reason, i),
                detail: owned(detail, i),
                duration_s: duration.is_valid(i).then(|| duration.value(i)),
                clips_kept: clips_kept.value(i),
                codec: owned(codec, i),
                width: width.is_valid(i).then(|| width.value(i)),
                height: height.is_valid(i).then(|| height.value(i)),
                fps: fps.is_valid(i).then(|| fps.value(i)),
                crop: owned(crop, i),
                has_actions: has_actions.value(i),
                ingest_key: ingest_key.value(i).to_owned(),
                metadata_key: metadata_key.value(i).to_owned(),
            })
        };
        (0..columns.rows()).map(row).collect()
    }
}

fn parse_status(columns: Columns<'_>, name: &str) -> Result<Status> {
    let known =
        [Status::Accepted, Status::Rejected].into_iter().find(|status| status.as_str() == name);
    known.ok_or_else(|| {
        columns.error("status", format!("`{name}` is neither accepted nor rejected"))
    })
}
