//! Size and time of a file, by which it is known again.

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

/// Size and time of a file: as long as they stay, so does the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStamp {
    pub bytes: u64,
    pub modified_ns: i64,
}

impl FileStamp {
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
