//! The contract between the stages, on disk.
//!
//! Stages never call each other: they meet in the files of a dataset root. This crate owns those files: their schemas,
//! the payload codec, how they are written and published, and how they are read back.
//!
//! What it guarantees:
//! - **Published means named by a manifest.** Every reader starts from a [`Manifest`]; what no manifest names does not
//!   exist. A killed run leaves nothing visible.
//! - **Nothing damaged is used.** Payloads and windows carry their own hashes, which are checked on every read (Parquet
//!   pages carry no checksum here). An error names file, row and clip.
//! - **Deterministic order.** Clips come by source, then time; windows by clip, then first frame, however the files were sharded.
//! - **No panic on bad bytes**, and no allocation that a bad header can inflate.

mod actions;
mod cache;
mod check;
mod clip;
mod clip_columns;
mod clip_rows;
pub mod codec;
mod collect;
mod columns;
mod error;
mod frames;
mod manifest;
mod measured;
mod publish;
mod rewrite;
mod scores;
mod shard;
mod sources;
mod store;
mod table;
#[cfg(test)]
mod testing;
mod tokens;
mod windows;
mod writer;

pub use actions::{ActionWindow, read_action_shard, read_actions, write_actions};
pub use check::check_shard;
pub use clip::{Clip, ClipMeta, Split, merge_names};
pub use clip_rows::{ClipRow, clip_rows_of, judged_columns, read_clip_rows, write_clip_rows};
pub use collect::{Collected, collect};
pub use error::{Error, Result};
pub use frames::Frames;
pub use manifest::{Entry, Manifest, tables};
pub use measured::{
    MeasuredWindow, Motions, WindowScores, publish_measured, publish_measured_part, read_measured,
};
pub use rewrite::rewrite_shard;
pub use scores::Scores;
pub use sources::{SourceRow, Status, read_sources, write_sources};
pub use store::ClipStore;
pub use table::{narrow_schema, verify};
pub use tokens::{TokenWindow, read_token_shard, read_tokens, write_tokens};
pub use windows::windows_of;
pub use writer::{ClipShardWriter, Published};

/// Version of the clip shards: schema and payload codec. It goes into work keys: a new one means ingest again.
pub const CLIPS_FORMAT: u32 = 2;
/// Version of the token shards.
pub const TOKENS_FORMAT: u32 = 1;
/// Version of the action shards.
pub const ACTIONS_FORMAT: u32 = 1;
/// Version of the files of measured windows.
pub const MEASURED_FORMAT: u32 = 1;
/// Version of the catalog's files: source rows and clip rows.
pub const CATALOG_FORMAT: u32 = 2;
/// Version of `manifest.json`.
pub const MANIFEST_FORMAT: u32 = 1;
