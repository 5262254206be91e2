//! A file that was found: what its bytes, its sidecar and the file system say of it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use genie_shards::{SourceRow, Status};
use genie_stage::key::Key;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;
use rayon::prelude::*;

use crate::actions::{self, Sidecar};
use crate::catalogue::source_key;
use crate::discover::Found;
use crate::reject::{Reason, Reject};

/// A file with what its bytes say.
pub struct Source {
    pub path: PathBuf,
    /// BLAKE3 of the content in hex; empty where it could not be read.
    pub id: String,
    pub bytes: u64,
    pub key: String,
    pub sidecar: Option<Result<Sidecar, String>>,
    pub reject: Option<Reject>,
    pub guess: bool,
}

impl Source {
    /// The row of this source, with nothing known but what is in the file system.
    pub fn row(&self) -> SourceRow {
        SourceRow {
            source_id: self.id.clone(),
            source_path: self.shown_path(),
            bytes: self.bytes,
            has_actions: self.has_sidecar(),
            ingest_key: self.key.clone(),
            ..SourceRow::default()
        }
    }

    pub fn rejected(&self, reject: &Reject) -> SourceRow {
        SourceRow {
            status: Status::Rejected,
            reason: Some(reject.reason.code().to_owned()),
            detail: Some(reject.detail.clone()),
            ..self.row()
        }
    }

    /// Whether there are true actions.
    pub fn has_sidecar(&self) -> bool {
        matches!(self.sidecar, Some(Ok(_)))
    }

    /// The path as the catalog has it.
    pub fn shown_path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

/// Hashes every file and reads its sidecar.
pub fn identify(found: Vec<Found>, key: &Key, stop: &Stop) -> Result<Vec<Source>> {
    let progress = Progress::new("looking at files", found.len() as u64);
    let sources = found
        .into_par_iter()
        .map(|found| {
            stop.check()?;
            let source = identify_one(found, key);
            progress.inc(1);
            Ok(source)
        })
        .collect();
    progress.finish();
    sources
}

fn identify_one(found: Found, key: &Key) -> Source {
    let Found { path, reject, guess } = found;
    let mut source = Source { path, id: String::new(), bytes: 0, key: key.to_string(), sidecar: None, reject, guess };
    if source.reject.is_some() {
        return source;
    }
    match hash(&source.path) {
        Ok((_, 0)) => source.reject = Some(Reject::new(Reason::EmptyFile, "0 bytes")),
        Ok((id, bytes)) => (source.id, source.bytes) = (id, bytes),
        Err(error) => source.reject = Some(Reject::new(Reason::Unreadable, error)),
    }
    let sidecar = actions::beside(&source.path);
    if let Ok(content) = std::fs::read(&sidecar) {
        source.key = source_key(key, Some(&content));
        source.sidecar = Some(Sidecar::read(&sidecar).map_err(|error| {
            let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
            format!("{error}{cause}")
        }));
    }
    source
}

fn hash(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file, &mut hasher)?;
    Ok((hasher.finalize().to_hex().to_string(), bytes))
}
