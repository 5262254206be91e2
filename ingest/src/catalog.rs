//! The rows and shards that ingest publishes in a dataset root.
//!
//! | task | modules |
//! |---|---|
//! | know what is published, and update it | `source_index`, `source_update`, `row_kinds`, `keys` |
//! | follow files that moved, grew or changed | `follow` |
//! | write and publish | `group_writer`, `group_commits`, `partitions`, `publish`, `lock` |
//! | choose kept clips and their split | `finalize`, `near_duplicates` |
//! | what people and quality networks say about clips | `labels`, `quality` |
//! | record runs | [`run_history`] |

mod finalize;
mod follow;
mod group_commits;
mod group_writer;
mod keys;
mod labels;
mod lock;
mod near_duplicates;
mod other_config;
mod partitions;
mod publish;
mod quality;
mod row_kinds;
pub mod run_history;
mod source_index;
mod source_update;

pub use finalize::{Finalized, Finalizer, FormerSplits, KeepRules, forget_files, split_of};
pub use follow::{FileChanges, original};
pub use group_commits::GroupCommits;
pub use group_writer::GroupWriter;
pub use keys::{config_key, config_of, source_key};
pub use labels::{
    NewestLabels, append as append_labels, checked_tags, checked_who, judgement, label_dir,
    lock_labels,
};
pub use lock::{lock, share_lock};
pub use other_config::refuse_other_config;
pub use partitions::Partitioning;
pub use publish::NewFiles;
pub use quality::{QualityScores, quality_dir};
pub use row_kinds::{identified, is_of_config, is_pending};
pub use source_index::{SourceIndex, drop_older};
pub use source_update::{FoundChanges, SourceUpdate};
