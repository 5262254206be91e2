//! The limit of the space that copies of published files take.
//!
//! A copy is a Parquet file without permission to write. Files that are not uploaded yet can be
//! written, so they are never removed here. A copy that is removed while it is read stays readable
//! for its reader, and a later reader fetches it again.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

/// Drafts of killed runs are removed when they are older than this.
const DRAFT_AGE: Duration = Duration::from_hours(24);

/// An eviction frees a tenth of the limit, so that not every copy evicts another one.
const TENTH: u64 = 10;

/// Bounds the copies below a directory.
#[derive(Debug)]
pub(crate) struct Eviction {
    local: Utf8PathBuf,
    limit: u64,
    /// Bytes that may be fetched before the directory has to be measured.
    free: AtomicU64,
}

/// A copy: time of last use, path, size.
type FoundCopy = (SystemTime, Utf8PathBuf, u64);

impl Eviction {
    pub(crate) fn new(local: &Utf8Path, limit: u64) -> Self {
        Self { local: local.to_owned(), limit, free: AtomicU64::new(0) }
    }

    /// Marks a file as a copy of a published file, which was used just now.
    pub(crate) fn mark_copy(path: &Utf8Path) {
        let Ok(found) = fs::metadata(path) else { return };
        let mut permissions = found.permissions();
        permissions.set_readonly(true);
        // A file that stays writable is only never evicted.
        let _ = fs::set_permissions(path, permissions);
    }

    /// Whether a file is a copy of a published file.
    pub(crate) fn is_copy(found: &fs::Metadata) -> bool {
        found.permissions().readonly()
    }

    /// Removes copies that were not used for long, if a new one of `bytes` would exceed the limit.
    ///
    /// A failure costs only disk space, so it is not an error.
    pub(crate) fn reserve(&self, bytes: u64) {
        let taken = |free: u64| free.checked_sub(bytes);
        if self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok() {
            return;
        }
        let mut copies = self.copies();
        let mut total: u64 = copies.iter().map(|(.., bytes)| bytes).sum();
        if total + bytes > self.limit {
            copies.sort();
            let left = self.limit - self.limit / TENTH;
            for (_, path, size) in copies {
                if total + bytes <= left {
                    break;
                }
                if fs::remove_file(&path).is_ok() {
                    total -= size;
                }
            }
        }
        self.free.store(self.limit.saturating_sub(total + bytes), Ordering::Relaxed);
    }

    /// All copies. Removes old drafts of killed runs on the way.
    fn copies(&self) -> Vec<FoundCopy> {
        let now = SystemTime::now();
        let mut copies = Vec::new();
        for entry in WalkDir::new(&self.local).into_iter().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            let Some(path) = Utf8Path::from_path(entry.path()).filter(|_| found.is_file()) else {
                continue;
            };
            let used = found.modified().unwrap_or(now);
            if Self::is_copy(&found) {
                copies.push((used, path.to_owned(), found.len()));
            } else if is_draft(path) && now.duration_since(used).is_ok_and(|age| age > DRAFT_AGE) {
                let _ = fs::remove_file(path);
            }
        }
        copies
    }
}

/// Whether a file is a draft, or a Parquet file that no commit has uploaded.
fn is_draft(path: &Utf8Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.starts_with('.'));
    path.extension() == Some("parquet") || is_hidden && path.extension() == Some("tmp")
}
