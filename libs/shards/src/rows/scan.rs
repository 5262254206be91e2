//! Reads a few columns of small tables as a stream, one published file at a time.
//!
//! A file is read in batches, so the memory does not depend on the number of its rows.

use arrow::array::{
    Array, BinaryArray, BooleanArray, Float32Array, Float64Array, Int64Array, StringArray,
    UInt32Array, UInt64Array,
};
use camino::Utf8Path;

use super::stream::{visit_columns, visit_verified};
use crate::{
    error::Result,
    manifest::{Entry, tables},
    schema::{columns::Columns, scores::FINGERPRINT},
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
    visit_verified(root, tables::CLIP_ROWS, entry, &COLUMNS, |columns| {
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

/// The verdict on a clip.
pub struct ClipOutcome<'a> {
    pub source_id: &'a str,
    pub kept: bool,
    pub reason: Option<&'a str>,
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
    const COLUMNS: [&str; 3] = ["source_id", "kept", "reason"];
    visit_verified(root, tables::CLIP_ROWS, entry, &COLUMNS, |columns| {
        let source_id = columns.required::<StringArray>("source_id")?;
        let kept = columns.required::<BooleanArray>("kept")?;
        let reason = columns.optional::<StringArray>("reason")?;
        for i in 0..columns.rows() {
            visit(ClipOutcome {
                source_id: source_id.value(i),
                kept: kept.value(i),
                reason: reason.is_valid(i).then(|| reason.value(i)),
            });
        }
        Ok(())
    })
}

/// What identifies the file of a source row.
pub struct SourceStamp<'a> {
    /// 64 hex digits: BLAKE3 of the file; empty if the file could not be read.
    pub source_id: &'a str,
    pub source_path: &'a str,
    pub bytes: u64,
    /// Modification time in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// Calls `visit` with the path, the content and the stamp of each row of a file of source rows.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn scan_stamps(
    root: &Utf8Path,
    entry: &Entry,
    visit: &mut dyn FnMut(SourceStamp<'_>),
) -> Result<()> {
    const COLUMNS: [&str; 4] = ["source_id", "source_path", "bytes", "modified_ns"];
    visit_verified(root, tables::SOURCES, entry, &COLUMNS, |columns| {
        let source_id = columns.required::<StringArray>("source_id")?;
        let source_path = columns.required::<StringArray>("source_path")?;
        let bytes = columns.required::<UInt64Array>("bytes")?;
        let modified_ns = columns.required::<Int64Array>("modified_ns")?;
        for i in 0..columns.rows() {
            visit(SourceStamp {
                source_id: source_id.value(i),
                source_path: source_path.value(i),
                bytes: bytes.value(i),
                modified_ns: modified_ns.value(i),
            });
        }
        Ok(())
    })
}

/// Calls `visit` with the id and the quality of each clip of a published file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn scan_qualities(
    dir: &Utf8Path,
    entry: &Entry,
    visit: &mut dyn FnMut(&str, f32),
) -> Result<()> {
    visit_verified(dir, tables::QUALITY, entry, &["clip_id", "quality"], |columns| {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let quality = columns.required::<Float32Array>("quality")?;
        clip_id.iter().flatten().zip(quality.values()).for_each(|(id, &value)| visit(id, value));
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
    visit_verified(root, tables::CLIP_ROWS, entry, &["source_id"], |columns| {
        each_source(columns, visit)
    })
}

/// Calls `visit` with the id of the source of each clip in a published clip shard.
///
/// The file is not compared with its hash, because that would read all payloads.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn scan_shard_sources(
    root: &Utf8Path,
    entry: &Entry,
    visit: &mut dyn FnMut(&str),
) -> Result<()> {
    visit_columns(root, tables::CLIPS, entry, &["source_id"], |columns| each_source(columns, visit))
}

fn each_source(columns: Columns<'_>, visit: &mut dyn FnMut(&str)) -> Result<()> {
    columns.required::<StringArray>("source_id")?.iter().flatten().for_each(visit);
    Ok(())
}
