//! The files through which the stages exchange data: schemas, codec, writers, readers, manifest.
//!
//! Stages never call each other. They read and write the files of a dataset root, and this crate
//! defines those files.
//!
//! Guarantees:
//! - **Published means named by a manifest.** Every reader starts from a [`Manifest`]. A file that
//!   no manifest names does not exist for readers, so a killed run leaves nothing visible.
//! - **Damaged data is never used.** Payloads and windows carry their own hashes, and every read
//!   checks them. (Parquet pages have no checksum here.) An error names the file, the row and the
//!   clip. `rows/stream.rs` says which reads compare a whole file with its hash.
//! - **The order is deterministic.** Clips are ordered by source, then by time. Windows are ordered
//!   by clip, then by first frame. The number of shards does not matter.
//! - **Bad bytes cause no panic**, and a bad header cannot cause a large allocation.
//!
//! `examples/read_clips.rs` reads the clips of a dataset.
//!
//! | module | contents |
//! |---|---|
//! | `schema` | clips, splits, scores, windows, and their columns; warnings about frame rates |
//! | `frames`, `codec` | decoded frames, and how a shard stores them |
//! | `manifest` | which files are published |
//! | `files` | Parquet files: write and publish, open and check, remove |
//! | `store` | clip shards: write, read, check, rewrite |
//! | `rows` | narrow tables: tokens, actions, sources, clips, pairs, labels, qualities, windows |

mod codec;
mod error;
mod files;
mod formats;
mod frames;
mod manifest;
mod rows;
mod schema;
mod store;
#[cfg(test)]
mod testing;

pub use codec::{CodecError, MAX_BYTES as MAX_CLIP_BYTES};
pub use error::{Error, Result};
pub use files::{
    collect::{Collected, collect},
    open::verify,
};
pub use formats::{ACTIONS_FORMAT, CLIPS_FORMAT, NEAR_PAIRS_FORMAT, TOKENS_FORMAT};
pub use frames::{Frames, ShapeError};
pub use manifest::{Alone, Entry, Manifest, ManifestEdit, ManifestFollower, NewEntries, tables};
pub use rows::{
    actions::{ActionWindow, read_action_shard, read_actions, write_actions},
    clip_rows::{
        ClipRow, clip_rows_of_file, condition_columns, rates::timing_of_kept, read_clip_rows,
        write_clip_rows,
    },
    clip_verdicts::{ClipVerdict, visit_clip_verdicts, visit_true_actions},
    labels::{Judgement, LabelRow, labels_of_file, write_labels},
    measured::{
        MeasuredWindow, publish_agreement, publish_measured, publish_measured_part, read_measured,
        scores::{Motions, WindowScores, rollout_hash},
    },
    misplaced::{MisplacedClip, misplaced_clips},
    narrow::narrow_schema,
    near_pairs::{NearPair, PairedClip, near_pairs_of_file, write_near_pairs},
    places::{ClipRun, clip_runs, read_action_rows, read_token_rows, token_shape},
    quality::{
        QualityRow,
        examples::{ExampleRow, examples_of_file, write_examples},
        quality_of_file, write_quality,
    },
    scan::{
        ClipOutcome, ClipPrint, SourceStamp, scan_clip_sources, scan_outcomes, scan_prints,
        scan_qualities, scan_shard_sources, scan_stamps,
    },
    sources::{SourceRow, Status, read_sources, sources_of_file, write_sources},
    stream::{WindowPlace, stream_clip_rows, stream_sources, visit_places},
    tokens::{TokenWindow, read_token_shard, read_tokens, write_tokens},
};
pub use schema::{
    clip::{Clip, ClipMeta, merge_names},
    clip_key::ClipKey,
    scores::Scores,
    split::Split,
    timing::{ClipRates, ClipTiming, TimingTally},
    windows::windows_of,
};
pub use store::{
    ClipStore,
    check::check_shard,
    places::StoredClip,
    rewrite::{ClipPlacement, ShardChanges, SourceChange, rewrite_shard},
    writer::{ClipShardWriter, Published},
};
