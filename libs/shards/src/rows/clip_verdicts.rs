//! What the catalog says about every clip, in few bytes a clip, and the true actions of clips.

use arrow::{
    array::{Array, AsArray, BooleanArray, ListArray, StringArray, UInt32Array},
    datatypes::UInt8Type,
};
use camino::Utf8Path;

use super::stream::visit_verified;
use crate::{
    error::Result,
    manifest::{Entry, tables},
    schema::split::Split,
};

/// Whether models may be trained on a clip, and with which actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipVerdict<'a> {
    pub clip_id: &'a str,
    pub source_id: &'a str,
    pub split: Split,
    /// Number of frames.
    pub frames: u32,
    /// Whether the clip is in a clip shard.
    pub kept: bool,
    /// Whether its true actions are known.
    pub has_actions: bool,
}

/// Calls `visit` for every row of a file of clip rows, in the order of the file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn visit_clip_verdicts(
    root: &Utf8Path,
    entry: &Entry,
    mut visit: impl FnMut(ClipVerdict<'_>),
) -> Result<()> {
    let names = ["clip_id", "source_id", "split", "frames", "kept", "has_actions"];
    visit_verified(root, tables::CLIP_ROWS, entry, &names, |columns| {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let source_id = columns.required::<StringArray>("source_id")?;
        let splits = columns.splits()?;
        let frames = columns.required::<UInt32Array>("frames")?;
        let kept = columns.required::<BooleanArray>("kept")?;
        let has_actions = columns.required::<BooleanArray>("has_actions")?;
        for (row, split) in splits.into_iter().enumerate() {
            visit(ClipVerdict {
                clip_id: clip_id.value(row),
                source_id: source_id.value(row),
                split,
                frames: frames.value(row),
                kept: kept.value(row),
                has_actions: has_actions.value(row),
            });
        }
        Ok(())
    })
}

/// Calls `visit` for every row of a file of clip rows, with the clip's id and its true actions.
///
/// Entry t is the action whose effect is first visible in frame t + 1.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub fn visit_true_actions(
    root: &Utf8Path,
    entry: &Entry,
    mut visit: impl FnMut(&str, Option<&[u8]>),
) -> Result<()> {
    visit_verified(root, tables::CLIP_ROWS, entry, &["clip_id", "actions"], |columns| {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let lists = columns.optional::<ListArray>("actions")?;
        let actions = lists.values().as_primitive_opt::<UInt8Type>();
        let actions = actions.ok_or_else(|| {
            columns.error("actions", format!("has lists of {}", lists.values().data_type()))
        })?;
        let ends = lists.value_offsets().windows(2);
        for (row, (clip_id, ends)) in clip_id.iter().flatten().zip(ends).enumerate() {
            let range =
                usize::try_from(ends[0]).unwrap_or(0)..usize::try_from(ends[1]).unwrap_or(0);
            let list = actions.values().get(range).filter(|_| lists.is_valid(row));
            visit(clip_id, list);
        }
        Ok(())
    })
}
