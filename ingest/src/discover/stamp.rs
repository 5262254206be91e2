//! Size and modification time of a file.

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use serde::{Deserialize, Serialize};

/// Size and modification time of a file.
///
/// While they stay the same, ingest assumes that the content stays the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    pub bytes: u64,
    /// Modification time, in nanoseconds since 1970. It is 0 if the file system does not know it.
    pub modified_ns: i64,
}

impl FileStamp {
    /// The current stamp of a file.
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
