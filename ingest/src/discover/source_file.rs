//! A file that was found: what its bytes, its sidecars and the file system say of it.

use std::path::PathBuf;

use genie_shards::{SourceRow, Status};

use super::stamp::FileStamp;
use crate::reject::{Reason, Reject};

/// A file with what its bytes say.
pub struct SourceFile {
    pub path: PathBuf,
    /// BLAKE3 of the content in hex; empty where it could not be read.
    pub id: String,
    pub stamp: FileStamp,
    pub key: String,
    /// The content of the sidecar of true actions.
    pub sidecar: Option<Vec<u8>>,
    pub metadata_key: String,
    pub reject: Option<Reject>,
    pub guess: bool,
}

impl SourceFile {
    /// The row of this source, with nothing known but what is in the file system.
    pub fn row(&self) -> SourceRow {
        SourceRow {
            source_id: self.id.clone(),
            source_path: self.shown_path(),
            bytes: self.stamp.bytes,
            modified_ns: self.stamp.modified_ns,
            ingest_key: self.key.clone(),
            metadata_key: self.metadata_key.clone(),
            ..SourceRow::default()
        }
    }

    /// The row of this source if it is rejected, with what is known of it in `row`.
    pub fn rejected(&self, row: SourceRow, reject: &Reject) -> SourceRow {
        let harmless = Reason::is_harmless(reject.reason.code());
        let (reason, detail) = if self.guess && !harmless {
            (Reason::NotAVideo, reject.to_string())
        } else {
            (reject.reason, reject.detail.clone())
        };
        SourceRow {
            status: Status::Rejected,
            reason: Some(reason.code().to_owned()),
            detail: Some(detail),
            ..row
        }
    }

    /// The path as the catalog has it.
    pub fn shown_path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Whether the file is no longer what was hashed.
    pub fn has_changed(&self) -> bool {
        FileStamp::of(&self.path).ok() != Some(self.stamp)
    }
}
