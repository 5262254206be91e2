//! What ingest has published in a dataset root, and what it publishes.

mod finalize;
mod group_writer;
mod keys;
mod lock;
mod near_duplicates;
mod publish;
pub mod run_history;
mod source_index;
mod split;
mod verdict;

pub use finalize::Finalizer;
pub use group_writer::GroupWriter;
pub use keys::{config_key, source_key};
pub use lock::lock;
pub use publish::{NewFiles, TABLES};
pub use source_index::SourceIndex;
pub use split::split_of;
pub use verdict::KeepRules;
