//! Questions about a dataset, in SQL.
//!
//! [`Catalog`] is `DataFusion` over the files that the manifests name: tables `sources`, `clips`, `tokens` (of every
//! tokenizer) and `actions` (of every latent action model); and over the `windows` of all finished reports. Nothing is guessed:
//! an unpublished file is not in any table, and what does not exist yet is an empty table of the right columns. Opening reads manifests only; files
//! are read, by column, when a query needs them. Payloads and tokens are not in the tables: no query can be that slow.
//!
//! Outstanding work is a query too, an anti join of clips against what was made of them ([`Catalog::clips_without_tokens`]):
//! there is no list of jobs that could disagree with the files. And so are conditions on clips ([`Condition`]): expressions over
//! their scores.

mod catalog;
mod condition;
mod error;
mod outstanding;
mod print;
mod tables;

pub use arrow::record_batch::RecordBatch;
pub use catalog::Catalog;
pub use condition::Condition;
pub use error::{Error, Result};
pub use print::{Format, print, render};
