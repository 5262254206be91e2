//! The error of this crate: which operation failed on which path.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A file or directory operation failed; the final name still has its old content, if any.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} `{path}`")]
pub struct Error {
    pub path: Utf8PathBuf,
    /// The operation that failed, as a verb phrase that the path completes: "fsync the directory".
    pub operation: &'static str,
    pub source: io::Error,
}

impl Error {
    pub(crate) fn of(path: &Utf8Path, operation: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, operation, source }
    }
}
