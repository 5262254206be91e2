//! A source file: its path, its content, and what is known about it.

use std::path::Path;
use std::sync::Arc;

use genie_shards::{SourceRow, Split, Status};

use super::names::{NameKind, is_leftover, is_usually_sound, kind};
use super::stamp::FileStamp;
use crate::reject::{Reason, Reject};

/// A file that a run was asked for.
///
/// A run has all of them in memory, and there may be millions. So it contains no file's content.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFile {
    /// The path as an entry of `data.videos` names it.
    pub path: Box<Path>,
    /// Hash of the path without symbolic links.
    pub identity: [u8; 16],
    /// BLAKE3 hash of the content in hex, or empty.
    ///
    /// It is empty while it is unknown, and if the file cannot be read.
    pub id: Box<str>,
    /// Size and time of the file before it was hashed.
    pub stamp: FileStamp,
    /// Work key of the source ([`crate::catalog::source_key`]).
    pub key: Arc<str>,
    /// Key of the keyword rules and the `.info.json` ([`super::metadata::key`]).
    pub metadata_key: Box<str>,
    /// Why ingest cannot use the file, if that is known without decoding.
    pub reject: Option<Box<Reject>>,
    /// Its name does not say that it is a video, and only a search found it.
    ///
    /// If it is not a video, it is ignored.
    pub guess: bool,
    /// It is a leftover of a download, or sound by its name, and only a search found it.
    ///
    /// If it cannot be used, the run does not count it as a reject.
    pub leftover: bool,
    /// An entry of `data.videos` is this file; no search found it.
    pub named: bool,
    /// The split, if an earlier run decided it for this content or for one that it replaces.
    pub split: Option<Split>,
    /// What could not be read beside the video, for its row.
    pub note: Option<Box<str>>,
}

impl SourceFile {
    /// A file that was found and not read yet.
    ///
    /// `identity` is the path without symbolic links. `named`: an entry of `data.videos` is the
    /// file.
    pub fn found(path: &Path, identity: &Path, reject: Option<Reject>, named: bool) -> Self {
        Self {
            path: path.into(),
            identity: path_hash(identity),
            id: Box::default(),
            stamp: FileStamp::default(),
            key: Arc::default(),
            metadata_key: Box::default(),
            reject: reject.map(Box::new),
            guess: !named && kind(path) == NameKind::MaybeVideo,
            leftover: !named && (is_leftover(path) || is_usually_sound(path)),
            named,
            split: None,
            note: None,
        }
    }

    /// Whether the file may be usable and its content hash is not known yet.
    pub fn is_unidentified(&self) -> bool {
        self.reject.is_none() && self.id.is_empty()
    }

    /// The catalog row of this source before decoding.
    pub fn row(&self) -> SourceRow {
        SourceRow {
            source_id: self.id.to_string(),
            source_path: self.shown_path(),
            bytes: self.stamp.bytes,
            modified_ns: self.stamp.modified_ns,
            ingest_key: self.key.to_string(),
            metadata_key: self.metadata_key.to_string(),
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

/// The first half of the BLAKE3 hash of a path.
pub fn path_hash(path: &Path) -> [u8; 16] {
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a run needs more memory for each file, beside the path and the hash. A run has all
    /// of them in memory.
    #[test]
    fn a_file_is_small() {
        assert_eq!(size_of::<SourceFile>(), 128);
    }
}
