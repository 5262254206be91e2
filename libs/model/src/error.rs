//! What can go wrong in this crate, said so that a person knows what to do.

use camino::Utf8PathBuf;

/// An error of models, training runs or checkpoints.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The device does not exist or cannot be used.
    #[error("{0}")]
    Device(String),
    /// A configuration no model can be built from.
    #[error("{0}")]
    Config(String),
    /// The data cannot be trained on or does not fit the model.
    #[error("{0}")]
    Data(String),
    /// Reading the training data failed.
    #[error("cannot read training data")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Reading or writing a file failed.
    #[error("{path}")]
    Io {
        /// The file or directory.
        path: Utf8PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A checkpoint that cannot be loaded.
    #[error("{path}: {what}")]
    Checkpoint {
        /// The checkpoint's file or directory.
        path: Utf8PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// A model's output is no number.
    #[error(
        "{0} holds values that are not finite numbers: the model diverged, or its weights are too large for its precision. Look at its metrics.jsonl, and \
         train it again with a lower learning rate"
    )]
    NotFinite(&'static str),
    /// A device failed at what it was asked for.
    #[error(
        "the device failed. A GPU that is out of memory needs smaller parts of a step (`accumulate` in [….train]), or a smaller `batch` in [evaluate]. It \
         says: {0}"
    )]
    Failed(String),
    /// The loss is no number any more.
    #[error(
        "the loss is {loss} at step {step}: training has diverged. The last good checkpoint is kept; lower the learning rate or \
         raise the warm-up and run again"
    )]
    Diverged {
        /// The step whose loss it is.
        step: usize,
        /// The loss.
        loss: f32,
    },
}

impl ModelError {
    pub(crate) fn io(path: impl Into<Utf8PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn checkpoint(path: impl Into<Utf8PathBuf>, what: impl std::fmt::Display) -> Self {
        Self::Checkpoint { path: path.into(), what: what.to_string() }
    }
}
