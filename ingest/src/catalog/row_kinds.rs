//! Kinds of source rows: decided, duplicate, pending, or of a path.
//!
//! - A *decided* row says what became of a content. There is nothing to do for it.
//! - The row of a *duplicate* names a further file with the content of a decided row.
//! - A *pending* row has no clips. It keeps the split of a source that is decoded again, or the
//!   hash of a file that was not decoded yet.
//! - A row *of a path* is a reject of something that has no known content, such as a missing file.

use genie_shards::{SourceRow, Status};
use genie_stage::key::Key;

use super::keys::config_of;
use crate::reject::Reason;

/// Whether the row is that of a further file with the same content.
pub fn is_duplicate(row: &SourceRow) -> bool {
    has_reason(row, Reason::Duplicate)
}

/// Whether the row only keeps the split or the hash of a source until the source is decoded.
pub fn is_pending(row: &SourceRow) -> bool {
    has_reason(row, Reason::Pending)
}

/// Whether the row's reject belongs to its path, not to a content.
pub fn is_of_path(row: &SourceRow) -> bool {
    row.source_id.is_empty() || has_reason(row, Reason::Changed)
}

/// Whether the row decides about its content, so that there is nothing to do.
pub fn is_decided(row: &SourceRow) -> bool {
    !row.source_id.is_empty() && !is_duplicate(row) && !is_pending(row)
}

/// Whether a row was made with the config with this key.
pub fn is_of_config(row: &SourceRow, config_key: &Key) -> bool {
    config_of(&row.ingest_key) == config_key.as_str()
}

/// The row of a source that must be decoded again. `None` if there is no split to keep.
pub fn pending(row: &SourceRow) -> Option<SourceRow> {
    row.split?;
    Some(SourceRow {
        source_id: row.source_id.clone(),
        source_path: row.source_path.clone(),
        bytes: row.bytes,
        modified_ns: row.modified_ns,
        status: Status::Rejected,
        reason: Some(Reason::Pending.code().to_owned()),
        split: row.split,
        ingest_key: row.ingest_key.clone(),
        metadata_key: row.metadata_key.clone(),
        ..SourceRow::default()
    })
}

/// The pending row of a file whose content was identified; `None` if it has no content.
///
/// Other processes of an array job read the hash there.
pub fn identified(row: SourceRow) -> Option<SourceRow> {
    if row.source_id.is_empty() {
        return None;
    }
    let reason = Some(Reason::Pending.code().to_owned());
    Some(SourceRow { status: Status::Rejected, reason, ..row })
}

fn has_reason(row: &SourceRow, reason: Reason) -> bool {
    row.reason.as_deref() == Some(reason.code())
}
