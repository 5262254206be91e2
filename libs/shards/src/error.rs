//! What can go wrong with the files, said so that a person can act on it.
//!
//! Every variant names the file (or the clip, before there is a file) and, where there is one, the row and the field.
//! Causes are sources, not parts of the message: the binaries print the chain.

use camino::{Utf8Path, Utf8PathBuf};

use crate::codec::CodecError;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of reading or writing the dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{path}: cannot {action}")]
    Io { path: Utf8PathBuf, action: &'static str, source: std::io::Error },

    #[error(transparent)]
    Durable(#[from] genie_durable::Error),

    #[error("{path}: not a Parquet file that can be used")]
    Parquet { path: Utf8PathBuf, source: parquet::errors::ParquetError },

    #[error("{path}: cannot build the rows")]
    Arrow { path: Utf8PathBuf, source: arrow::error::ArrowError },

    #[error("{path}: column `{field}`: {problem}")]
    Column { path: Utf8PathBuf, field: String, problem: String },

    #[error("{path}, row {row}: `{field}`: {problem}")]
    Value { path: Utf8PathBuf, row: usize, field: &'static str, problem: String },

    #[error(
        "{path}, row {row} (clip {clip_id}): the {what} does not match its recorded hash, so the file is damaged; \
         restore it, or delete it together with its entry in the manifest and make it again"
    )]
    Hash { path: Utf8PathBuf, row: usize, clip_id: String, what: &'static str },

    #[error("{path}, row {row} (clip {clip_id}): the payload cannot be decoded")]
    Payload { path: Utf8PathBuf, row: usize, clip_id: String, source: CodecError },

    #[error("clip {clip_id}: `{field}`: {problem}")]
    Clip { clip_id: String, field: &'static str, problem: String },

    #[error("clip {clip_id} has {frames} frames: frames {first}..{first}+{len} are not in it")]
    Range { clip_id: String, frames: usize, first: usize, len: usize },

    #[error("there is no clip {index}: the store holds {count}")]
    NoClip { index: usize, count: usize },

    #[error("{path}: {problem}")]
    Damaged { path: Utf8PathBuf, problem: String },

    #[error(
        "{path}: {what} of format {found}, but this program knows formats up to {known}; \
         use the version of the program that wrote it, or a later one"
    )]
    Newer { path: Utf8PathBuf, what: &'static str, found: u64, known: u32 },

    #[error(
        "{path}: {what} of format {found}, which this program no longer reads (it writes format {known}); \
         genie-ingest run makes them again from the videos"
    )]
    Older { path: Utf8PathBuf, what: &'static str, found: u64, known: u32 },

    #[error("{path}: not a manifest")]
    Json { path: Utf8PathBuf, source: serde_json::Error },

    #[error("{path}: nothing to write: a file with no rows is not published")]
    Empty { path: Utf8PathBuf },
}

impl Error {
    pub(crate) fn io(path: &Utf8Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    pub(crate) fn parquet(path: &Utf8Path) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.to_owned();
        move |source| Self::Parquet { path, source }
    }

    pub(crate) fn arrow(path: &Utf8Path) -> impl FnOnce(arrow::error::ArrowError) -> Self {
        let path = path.to_owned();
        move |source| Self::Arrow { path, source }
    }
}
