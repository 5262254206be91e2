//! Errors of reading and writing the dataset.
//!
//! Every variant names the file (or the clip, if there is no file yet) and, if known, the row and
//! the field. A cause is the error's source, not part of its message: the binaries print the whole
//! chain.

use camino::{Utf8Path, Utf8PathBuf};

use crate::codec::CodecError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of reading or writing the dataset.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot {action} `{path}`")]
    Io { path: Utf8PathBuf, action: &'static str, source: std::io::Error },

    #[error(transparent)]
    Durable(#[from] genie_durable::Error),

    #[error(transparent)]
    Store(#[from] genie_store::Error),

    #[error("{path}: cannot read or write this file as Parquet")]
    Parquet { path: Utf8PathBuf, source: parquet::errors::ParquetError },

    #[error("{path}: cannot read or write rows")]
    Arrow { path: Utf8PathBuf, source: arrow::error::ArrowError },

    #[error("{path}: column `{field}`: {problem}")]
    Column { path: Utf8PathBuf, field: String, problem: String },

    #[error("{path}, row {row}: `{field}`: {problem}")]
    Value { path: Utf8PathBuf, row: usize, field: &'static str, problem: String },

    #[error(
        "{path}, row {row} (clip {clip_id}): the {what} does not match its recorded hash, so the \
         file is damaged; restore it from a backup, or remove it from the dataset with \
         `verify --forget` of genie-ingest (clips), genie-tokenize (tokens) or genie-train \
         (actions), and run the step again"
    )]
    Hash { path: Utf8PathBuf, row: usize, clip_id: String, what: &'static str },

    #[error("{path}, row {row} (clip {clip_id}): cannot encode or decode the payload")]
    Payload { path: Utf8PathBuf, row: usize, clip_id: String, source: CodecError },

    #[error("clip {clip_id}: `{field}`: {problem}")]
    Clip { clip_id: String, field: &'static str, problem: String },

    #[error("clip {clip_id} has {frames} frames, so it has no frames {first}..{first}+{len}")]
    Range { clip_id: String, frames: usize, first: usize, len: usize },

    #[error("there is no clip {index}: the store has {count} clips")]
    NoClip { index: usize, count: usize },

    #[error("{path}: {problem}")]
    Damaged { path: Utf8PathBuf, problem: String },

    #[error(
        "{path}: {what} of format {found}, but this program knows formats up to {known}; use the \
         version of the program that wrote it, or a later one"
    )]
    Newer { path: Utf8PathBuf, what: &'static str, found: u64, known: u32 },

    #[error(
        "{path}: {what} of format {found}, which this program no longer reads (it writes format \
         {known}); run `{command}` to write the file again"
    )]
    Older {
        path: Utf8PathBuf,
        what: &'static str,
        found: u64,
        known: u32,
        /// The command that writes such files.
        command: &'static str,
    },

    #[error("{path}: not a valid manifest; restore it from a backup")]
    Json { path: Utf8PathBuf, source: serde_json::Error },

    #[error("{place} was changed during this run; nothing is lost: run the same command again")]
    Changed { place: String, source: genie_store::Conflict },

    #[error("{path}: there are no rows to write; an empty file is not published")]
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
