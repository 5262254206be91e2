//! Queries on a dataset, in SQL.
//!
//! [`Catalog`] runs `DataFusion` over the files that the manifests name. The tables are `sources`,
//! `clips`, `labels` (the newest of each clip and person), `label_rows` (all rows, also those that
//! were replaced or taken back), `quality` (of all quality networks), `tokens` (of all tokenizers),
//! `actions` (of all latent action models), and `windows` (of all finished reports). An unpublished
//! file is not in any table. What does not exist yet is an empty table with the right columns.
//! Opening reads manifests only; a query reads the columns that it needs. The tables exclude
//! payloads and tokens, because they would make queries slow. Queries have a memory limit, and
//! write what does not fit to temporary files.
//!
//! Pending work is also a query: an anti join of the clips with their outputs
//! ([`Catalog::clips_without_tokens`]). There is no job list that could disagree with the files.
//! Conditions on clips ([`Condition`]) are SQL expressions over the clip rows.

mod catalog;
mod chosen;
mod condition;
mod error;
mod pending;
mod print;
mod rows;
mod session;
mod tables;

pub use arrow::record_batch::RecordBatch;
pub use catalog::Catalog;
pub use chosen::ClipOrder;
pub use condition::Condition;
pub use error::{Error, Result};
pub use print::{Format, one_line, print, render};
pub use rows::Rows;
pub use session::leftovers;
