//! Files of a dataset root, which is a directory or a prefix of an S3 bucket.
//!
//! A dataset in S3 is *mounted* on a directory of this machine. The directory contains copies of
//! published files, drafts, locks, and caches. The store contains what is published. Code uses
//! paths below the directory, and the functions of this crate decide where a file is. For a path
//! that is not below a mounted directory, they work on the file itself, durably.
//!
//! Guarantees:
//! - **Creation is exclusive.** Of several writers of one name, on any machines, one succeeds. A
//!   writer whose request was answered with an error, although the store executed it, finds its own
//!   content, and succeeds.
//! - **Copies are checked.** A copy of a published file has the size and the hash that its manifest
//!   says, or does not exist. Copies need a bounded space: those that were used last stay.
//! - **Checkpoints are whole.** Of a checkpoint, a machine gets all files of one writer, or none.
//! - **No request is repeated for ever.** A store that does not answer is an error after about half
//!   a minute. The error names the bucket, the key, and what to do.
//!
//! | need | use |
//! |---|---|
//! | connect a root of a config | [`mount`], [`check_root`], [`shown`] |
//! | read or write a small file that changes | [`read`], [`write()`], [`append`], [`refresh`] |
//! | write a file only if there is none with its name | [`create`], [`WriterTurn`] |
//! | upload a file that a manifest is about to name | [`publish`] |
//! | open a published file; check it where it is stored | [`open`], [`stored_hash`] |
//! | read a few parts of a published file | [`open_parts`] |
//! | list, inspect or remove files | [`list`], [`inspect`], [`mark_unused`], [`remove_file`], … |
//! | copy the output of a step to the store or from it | [`push`], [`pull`] |
//! | let another program read the store | [`direct`] |

mod blocking;
mod checkpoints;
#[cfg(feature = "s3")]
mod connect;
mod copies;
mod error;
mod eviction;
mod files;
mod folders;
mod location;
mod mounts;
mod parts;
mod remote;
#[cfg(test)]
mod tests;
mod writer_turn;

pub use copies::{fetch, open, publish, stored_hash};
pub use error::{Conflict, Error, Result};
pub use files::{
    Inspected, Listing, append, create, discard, inspect, list, mark_unused, mark_used, read,
    refresh, remove_dir, remove_file, unused_since, write,
};
pub use folders::{pull, push};
pub use location::{check_root, is_url};
pub use mounts::{DirectStore, direct, is_mounted, mount, shown};
pub use parts::{PublishedFile, open_parts};
pub use writer_turn::WriterTurn;
