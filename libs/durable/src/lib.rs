//! Files and directories that appear whole or not at all, and survive a power cut.
//!
//! A killed run must leave nothing that looks finished. So this crate writes to a temporary sibling
//! in the same directory, hence on the same file system. It flushes the sibling to the disk
//! (fsync), renames it to its final name, and flushes the parent directory. A rename is durable
//! only after the directory that contains it is flushed.
//!
//! Guarantees:
//! - A reader sees the old content or the new content, never a mixture.
//! - After `Ok`, a power cut keeps the new content.
//!
//! | need | use |
//! |---|---|
//! | write a small file | [`write()`] |
//! | write a file only if there is none with its name | [`create`] |
//! | write a large file in pieces, check it, then name it | [`DraftFile`], [`SyncedFile`] |
//! | publish a file that another program wrote | [`rename_file`] |
//! | write a whole directory, such as a checkpoint | [`DraftDir`] |
//! | create or remove a directory | [`create_dir`], [`remove_dir`] |
//! | hash a file | [`hash_file`] |
//! | exclude other processes of this machine | [`FileLock`] |

mod dir;
mod error;
mod file;
mod lock;
mod sync;

pub use dir::{DraftDir, create_dir, remove_dir};
pub use error::{Error, Result};
pub use file::{DraftFile, SyncedFile, create, hash_file, rename_file, write};
pub use lock::{FileLock, LockMode};
