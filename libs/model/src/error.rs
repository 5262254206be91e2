//! The crate's error type, with messages that say what to do.

use camino::Utf8PathBuf;

/// An error of a model, a training run or a checkpoint.
///
/// [`ModelError::Device`] and [`ModelError::Config`] are the user's to fix. The binaries end with
/// exit code 64 on them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The device does not exist or cannot be used.
    #[error("{0}")]
    Device(String),
    /// No model can be built from the config.
    #[error("{0}")]
    Config(String),
    /// The data cannot be trained on, or does not fit the model.
    #[error("{0}")]
    Data(String),
    /// Reading the training data failed.
    #[error("cannot read training data")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An operation on a file or directory failed.
    #[error("cannot {operation} `{path}`")]
    Io {
        /// The operation, as a verb phrase that the path completes: "read", "create the directory".
        operation: &'static str,
        /// The file or directory.
        path: Utf8PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A durable file or directory could not be written, hashed or removed.
    #[error(transparent)]
    Durable(#[from] genie_durable::Error),
    /// The checkpoint or weights file cannot be loaded.
    #[error("{path}: {what}")]
    Checkpoint {
        /// The checkpoint's file or directory.
        path: Utf8PathBuf,
        /// The fault, and what to do about it.
        what: String,
    },
    /// A model's output has values that are not finite.
    #[error(
        "{0} holds values that are not finite: the model diverged, or its weights are too large \
         for its precision. Look at its metrics.jsonl, and train it again with a lower learning \
         rate"
    )]
    NotFinite(&'static str),
    /// The device reported a failure of an earlier operation.
    #[error(
        "the device failed: {0}. If it is a GPU that is out of memory, use smaller micro-batches \
         (a larger `accumulate` in [….train]), or a smaller `batch` in [evaluate]"
    )]
    Failed(String),
    /// The training loss is not finite or has exploded.
    #[error(
        "the loss is {loss} at training step {step}: training has diverged. The last good \
         checkpoint is kept; lower the learning rate or raise the warm-up, and run again"
    )]
    Diverged {
        /// The training step with this loss, counted from 1.
        step: usize,
        /// The loss.
        loss: f32,
    },
}

impl ModelError {
    /// Turns an I/O error into one that names the operation and the path.
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<Utf8PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }

    /// A fault of a checkpoint or a weights file.
    pub(crate) fn checkpoint(path: impl Into<Utf8PathBuf>, what: impl std::fmt::Display) -> Self {
        Self::Checkpoint { path: path.into(), what: what.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Catches: a message has the path but not the operation that failed on it.
    #[test]
    fn an_io_error_names_operation_and_path() {
        let error = ModelError::io("read", "a/metrics.jsonl")(io::ErrorKind::NotFound.into());
        assert_eq!(error.to_string(), "cannot read `a/metrics.jsonl`");
        assert!(std::error::Error::source(&error).is_some());
    }
}
