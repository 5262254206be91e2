//! Finished pieces of work on disk, from which a stopped or killed run resumes.
//!
//! They are in `parts/` of the report's directory, beside the measured windows, and are removed
//! with them. That directory belongs to one work key, so all its files belong to the same models
//! and clips. A file begins with a hash of its content. A damaged file is ignored, and its piece is
//! measured again.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The finished pieces of the long rollouts of one report.
pub struct KeptJobs {
    dir: Utf8PathBuf,
}

impl KeptJobs {
    /// Opens the directory of finished pieces; it need not exist.
    #[must_use]
    pub fn open(dir: Utf8PathBuf) -> KeptJobs {
        KeptJobs { dir }
    }

    /// Returns the result of a piece of work, if it is stored and not damaged.
    #[must_use]
    pub fn find<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = String::from_utf8(genie_store::read(&self.path(name)).ok()??).ok()?;
        let (hash, json) = text.split_once('\n')?;
        let intact = blake3::hash(json.as_bytes()).to_hex().as_str() == hash;
        intact.then(|| serde_json::from_str(json).ok()).flatten()
    }

    /// Stores the result of a piece of work.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn keep<T: Serialize>(&self, name: &str, result: &T) -> Result<()> {
        let json = serde_json::to_string(result)?;
        let text = format!("{}\n{json}", blake3::hash(json.as_bytes()).to_hex());
        genie_store::write(&self.path(name), text).context("cannot store a part of the report")
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        self.dir.join(format!("long-{name}.json"))
    }
}
