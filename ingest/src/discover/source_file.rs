//! A source file with its content hash and its sidecars.

use std::path::PathBuf;

use genie_shards::{SourceRow, Split, Status};

use super::stamp::FileStamp;
use crate::reject::{Reason, Reject};

/// A found file with its identity.
pub struct SourceFile {
    pub path: PathBuf,
    /// The path without symbolic links.
    pub identity: PathBuf,
    /// BLAKE3 hash of the content in hex. It is empty if the file cannot be read.
    pub id: String,
    /// Size and time of the file before it was hashed.
    pub stamp: FileStamp,
    /// Work key of the source ([`crate::catalog::source_key`]).
    pub key: String,
    /// The content of the sidecar of true actions, if there is one.
    pub sidecar: Option<Vec<u8>>,
    /// Key of the keyword rules and the `.info.json` ([`super::metadata::key`]).
    pub metadata_key: String,
    /// Why ingest cannot use the file, if that is known without decoding.
    pub reject: Option<Reject>,
    /// Its name does not say that it is a video, and only a search found it.
    ///
    /// If it is not a video, it is ignored.
    pub guess: bool,
    /// It is a leftover of a download. If it cannot be used, the run does not count it as a reject.
    pub leftover: bool,
    /// An entry of `data.videos` is this file; no search found it.
    pub named: bool,
    /// The split, if an earlier run decided it for this content or for one that it replaces.
    pub split: Option<Split>,
    /// What could not be read beside the video, for its row.
    pub note: Option<String>,
}

impl SourceFile {
    /// The catalog row of this source before decoding.
    pub fn row(&self) -> SourceRow {
        SourceRow {
            source_id: self.id.clone(),
            source_path: self.shown_path(),
            bytes: self.stamp.bytes,
            modified_ns: self.stamp.modified_ns,
            ingest_key: self.key.clone(),
            metadata_key: self.metadata_key.clone(),
            split: self.split,
            ..SourceRow::default()
        }
    }

    /// Turns `row` into the row of a rejected source.
    ///
    /// A file that is only a guess is [`Reason::NotAVideo`] instead of a failure.
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

    /// The path in the catalog. Bytes that are not UTF-8 are replaced.
    pub fn shown_path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Whether the file changed after it was hashed.
    pub fn has_changed(&self) -> bool {
        FileStamp::of(&self.path).ok() != Some(self.stamp)
    }
}
