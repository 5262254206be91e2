//! Source rows: one per source file, accepted or rejected.
//!
//! Every file that ingest reads gets a row. A bad video has a row with a reason, not only a line in
//! a log.

use std::sync::Arc;

use arrow::array::{
    Array, BooleanArray, Float64Array, Int64Array, StringArray, UInt32Array, UInt64Array,
};
use camino::Utf8Path;

use super::table::{self, Row};
use crate::{
    error::Result,
    files::open::FileKind,
    formats::CATALOG_FORMAT,
    manifest::{Entry, Manifest, tables},
    schema::{
        columns::{Columns, NamedColumns},
        split::Split,
    },
};

/// Whether a source can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    #[default]
    Accepted,
    Rejected,
}

impl Status {
    /// Name on disk: `accepted` or `rejected`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
}

/// The facts about one source file; `None` means unknown, because it was rejected earlier.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceRow {
    /// 64 hex digits: BLAKE3 of the file; empty if the file could not be read.
    pub source_id: String,
    pub source_path: String,
    pub bytes: u64,
    /// Modification time in nanoseconds since 1970.
    ///
    /// Ingest does not read the file again if its path, size and modification time are unchanged.
    pub modified_ns: i64,
    pub status: Status,
    /// Stable code for the reason of the rejection.
    pub reason: Option<String>,
    /// The reason in detail, for people.
    pub detail: Option<String>,
    pub duration_s: Option<f64>,
    pub clips_kept: u32,
    /// Split of the source's clips, from the first run that keeps one of them; it never changes.
    pub split: Option<Split>,
    pub codec: Option<String>,
    /// Native size and frame rate, in pixels and frames per second.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fps: Option<f64>,
    /// Part of the picture that is used, `WIDTHxHEIGHT+X+Y`, if black borders were cropped.
    pub crop: Option<String>,
    /// Whether there is a sidecar of true actions.
    pub has_actions: bool,
    /// Work key of the ingest that wrote the row.
    ///
    /// With the same key and source there is nothing to do.
    pub ingest_key: String,
    /// Key of the metadata file beside the video that was checked; empty if there is none.
    pub metadata_key: String,
}

/// Writes and publishes source rows at `root/catalog/sources-<name>-<hash>.parquet`.
///
/// Commit the entry to the manifest of `root` under [`tables::SOURCES`].
///
/// # Errors
/// If there are no rows, or the file cannot be written.
pub fn write_sources(root: &Utf8Path, name: &str, rows: &[SourceRow]) -> Result<Entry> {
    let entry = table::write(&root.join("catalog"), &format!("sources-{name}"), rows)?;
    Ok(Entry { file: format!("catalog/{}", entry.file), ..entry })
}

/// Reads all published source rows, ordered by path.
///
/// # Errors
/// If the manifest or one of its files cannot be read or is damaged.
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

/// Reads the source rows of one published file, in their order.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn sources_of_file(root: &Utf8Path, entry: &Entry) -> Result<Vec<SourceRow>> {
    table::read(root, entry)
}

impl Row for SourceRow {
    const KIND: FileKind =
        FileKind { name: "source rows", format: CATALOG_FORMAT, command: "genie-ingest run" };

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
            ("split", strings(|row| row.split.map(Split::as_str)), true),
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
        let split = text("split")?;
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
                split: owned(split, i).map(|name| parse_split(columns, &name)).transpose()?,
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

fn parse_split(columns: Columns<'_>, name: &str) -> Result<Split> {
    Split::parse(name)
        .ok_or_else(|| columns.error("split", format!("`{name}` is neither train nor held_out")))
}
