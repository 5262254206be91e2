//! What the catalog says about every clip, in few bytes a clip.

use arrow::array::{BooleanArray, StringArray};
use camino::Utf8Path;

use super::{places::explained, stream::visit_columns};
use crate::{
    error::Result,
    manifest::{Entry, tables},
    schema::split::Split,
};

/// Whether models may be trained on a clip, and with which actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipVerdict<'a> {
    pub clip_id: &'a str,
    pub split: Split,
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
    let names = ["clip_id", "split", "kept", "has_actions"];
    let read = visit_columns(root, tables::CLIP_ROWS, entry, &names, |columns| {
        let clip_id = columns.required::<StringArray>("clip_id")?;
        let splits = columns.splits()?;
        let kept = columns.required::<BooleanArray>("kept")?;
        let has_actions = columns.required::<BooleanArray>("has_actions")?;
        for (row, split) in splits.into_iter().enumerate() {
            visit(ClipVerdict {
                clip_id: clip_id.value(row),
                split,
                kept: kept.value(row),
                has_actions: has_actions.value(row),
            });
        }
        Ok(())
    });
    explained(root, entry, read)
}
