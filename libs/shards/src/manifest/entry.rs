//! An entry: what a manifest says about one published file.

use camino::{Utf8Component, Utf8Path};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Path relative to the directory of the manifest.
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
    /// BLAKE3 of the whole file, in hex.
    pub blake3: String,
}

impl Entry {
    /// Refuses a name outside the directory: somebody may have copied the manifest from elsewhere.
    ///
    /// `path` is the file that contains the entry, for the error.
    pub(crate) fn check_path(&self, path: &Utf8Path) -> Result<()> {
        let mut parts = Utf8Path::new(&self.file).components();
        let inside = parts.all(|part| matches!(part, Utf8Component::Normal(_)));
        if inside && !self.file.is_empty() {
            return Ok(());
        }
        let problem = format!(
            "names `{}`, which is not a file below the directory of the manifest",
            self.file
        );
        Err(Error::Damaged { path: path.to_owned(), problem })
    }
}
