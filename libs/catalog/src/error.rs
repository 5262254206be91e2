//! Errors of queries, in addition to those of the dataset.

use camino::Utf8PathBuf;
use datafusion::error::DataFusionError;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The catalog cannot be opened, or a query failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A manifest cannot be used; the error names it and the reason.
    #[error(transparent)]
    Shards(#[from] genie_shards::Error),

    #[error(transparent)]
    Store(#[from] genie_store::Error),

    #[error("cannot list the directory `{path}`")]
    List { path: Utf8PathBuf, source: std::io::Error },

    #[error("cannot register the table `{table}` of the dataset `{root}`")]
    Register { root: Utf8PathBuf, table: &'static str, source: Box<DataFusionError> },

    #[error(
        "the query `{sql}` failed; the tables are sources, clips, labels, label_rows, \
         quality, tokens, actions and windows (`describe clips` lists the columns of clips)"
    )]
    Query { sql: String, source: Box<DataFusionError> },

    #[error(
        "the query `{sql}` needs more memory than data.memory_mb gives; raise it, for example with \
         `--set data.memory_mb=4096`"
    )]
    Memory { sql: String, source: Box<DataFusionError> },

    #[error(
        "cannot read a file of the dataset: `genie-ingest verify` names every damaged file, and \
         says how to repair it"
    )]
    File { source: Box<DataFusionError> },

    #[error("the result of the query `{sql}` has other columns than this program expects")]
    Columns { sql: String, source: serde_json::Error },

    #[error(
        "the expression `{expression}` is not a condition on clips; their columns are: {columns}"
    )]
    Condition { expression: String, columns: String, source: Box<DataFusionError> },

    #[error(
        "the condition `{expression}` takes more than {seconds} seconds; make it simpler, or use \
         `genie-ingest sql`, which has no limit"
    )]
    Late { expression: String, seconds: u64 },

    /// The condition is wrong: it must have a value, or a null, for every clip.
    #[error(
        "the condition `{expression}` cannot be evaluated for {clip}; write `nullif(x, 0)` for a \
         divisor, and `try_cast` for `cast`: a null is not true, and no error"
    )]
    Evaluate { expression: String, clip: String, source: Box<DataFusionError> },

    #[error("cannot prepare the session of queries")]
    Session { source: Box<DataFusionError> },

    #[error("cannot start the threads that run queries")]
    Runtime(#[source] std::io::Error),

    #[error("cannot print the rows")]
    Print(#[from] arrow::error::ArrowError),

    #[error("cannot write to stdout")]
    Stdout(#[source] std::io::Error),

    #[error("unknown format `{0}`; use table, csv or json")]
    Format(String),
}

impl Error {
    /// Whether the user wrote wrong SQL, and nothing else is wrong.
    #[must_use]
    pub fn is_wrong_sql(&self) -> bool {
        matches!(
            self,
            Self::Query { .. } | Self::Condition { .. } | Self::Evaluate { .. } | Self::Late { .. }
        )
    }

    /// The message with its cause, in one line.
    #[must_use]
    pub fn with_cause(&self) -> String {
        let cause = std::error::Error::source(self);
        cause.map_or_else(|| self.to_string(), |cause| format!("{self}: {cause}"))
    }

    /// The error of a query, by its first cause.
    pub(crate) fn of_query(sql: &str, source: DataFusionError) -> Self {
        match source.find_root() {
            DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => {
                Self::File { source: Box::new(source) }
            }
            DataFusionError::ResourcesExhausted(_) => {
                Self::Memory { sql: sql.to_owned(), source: Box::new(source) }
            }
            _ => Self::Query { sql: sql.to_owned(), source: Box::new(source) },
        }
    }
}
