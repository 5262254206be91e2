//! A file that was found: what its bytes, its sidecars and the file system say of it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Result;
use genie_shards::{SourceRow, Status};
use genie_stage::key::Key;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;

use crate::actions;
use crate::catalogue::{Catalogue, source_key};
use crate::config::MetadataRules;
use crate::discover::Found;
use crate::metadata;
use crate::reject::{Reason, Reject};

/// A file with what its bytes say.
pub struct Source {
    pub path: PathBuf,
    /// BLAKE3 of the content in hex; empty where it could not be read.
    pub id: String,
    pub stamp: Stamp,
    pub key: String,
    /// The content of the sidecar of true actions.
    pub sidecar: Option<Vec<u8>>,
    pub metadata_key: String,
    pub reject: Option<Reject>,
    pub guess: bool,
}

/// Size and time of a file: as long as they stay, so does the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub bytes: u64,
    pub modified_ns: i64,
}

impl Stamp {
    /// What the file system says of a file now.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path)?;
        let modified = found
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .unwrap_or_default();
        Ok(Self {
            bytes: found.len(),
            modified_ns: i64::try_from(modified.as_nanos()).unwrap_or(i64::MAX),
        })
    }
}

impl Source {
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
        Stamp::of(&self.path).ok() != Some(self.stamp)
    }
}

/// Finds out every file's content, by reading it where the catalog does not know it by path, size and time, and its sidecars.
pub fn identify(
    found: Vec<Found>,
    key: &Key,
    rules: &MetadataRules,
    catalogue: &Catalogue,
    stop: &Stop,
) -> Result<Vec<Source>> {
    let progress = Progress::new("looking at files", found.len() as u64);
    let sources = found
        .into_par_iter()
        .map(|found| {
            stop.check()?;
            let source = identify_one(found, key, rules, catalogue);
            progress.inc(1);
            Ok(source)
        })
        .collect();
    progress.finish();
    sources
}

fn identify_one(found: Found, key: &Key, rules: &MetadataRules, catalogue: &Catalogue) -> Source {
    let Found { path, reject, guess } = found;
    let mut source = Source {
        path,
        id: String::new(),
        stamp: Stamp::default(),
        key: key.to_string(),
        sidecar: None,
        metadata_key: String::new(),
        reject,
        guess,
    };
    if source.reject.is_some() {
        return source;
    }
    match content(&source.path, catalogue) {
        Ok((_, Stamp { bytes: 0, .. })) => {
            source.reject = Some(Reject::new(Reason::EmptyFile, "0 bytes"))
        }
        Ok((id, stamp)) => (source.id, source.stamp) = (id, stamp),
        Err(error) => source.reject = Some(Reject::new(Reason::Unreadable, error)),
    }
    source.sidecar = fs::read(actions::beside(&source.path)).ok();
    source.key = source_key(key, source.sidecar.as_deref());
    source.metadata_key = metadata::key(&source.path, rules);
    source
}

/// A file's content hash, and the stamp that it had while it was read.
fn content(path: &Path, catalogue: &Catalogue) -> io::Result<(String, Stamp)> {
    let stamp = Stamp::of(path)?;
    // A path that is not UTF-8 shares its catalog name with others.
    if let Some(known) = path.to_str().and_then(|path| catalogue.content(path, stamp)) {
        return Ok((known.to_owned(), stamp));
    }
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut file, &mut hasher)?;
    // If it was written to meanwhile, the stamp is not the one it will be decoded under.
    Ok((hasher.finalize().to_hex().to_string(), stamp))
}
