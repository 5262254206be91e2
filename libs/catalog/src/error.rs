//! What can go wrong with a query, apart from the dataset itself.

use camino::Utf8PathBuf;
use datafusion::error::DataFusionError;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of opening or asking the catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A manifest that cannot be used; it says which and why.
    #[error(transparent)]
    Shards(#[from] genie_shards::Error),

    #[error("{path}: cannot list this directory")]
    List { path: Utf8PathBuf, source: std::io::Error },

    #[error("{root}: cannot register the table `{table}`")]
    Register { root: Utf8PathBuf, table: &'static str, source: Box<DataFusionError> },

    #[error(
        "the query failed; the tables are sources, clips, tokens, actions and windows (`describe clips` lists the columns): {sql}"
    )]
    Query { sql: String, source: Box<DataFusionError> },

    #[error("the expression `{expression}` cannot judge clips; their columns are: {columns}")]
    Condition { expression: String, columns: String, source: Box<DataFusionError> },

    #[error("cannot start the threads that run queries")]
    Runtime(#[source] std::io::Error),

    #[error("cannot print the rows")]
    Print(#[from] arrow::error::ArrowError),

    #[error("cannot write to stdout")]
    Stdout(#[source] std::io::Error),

    #[error("unknown format `{0}`: table, csv or json")]
    Format(String),
}
