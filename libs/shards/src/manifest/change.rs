//! Changes of a manifest: files that are published, and files that no longer are.
//!
//! A manifest is the sum of its changes, from the oldest to the newest.

use serde::{Deserialize, Serialize};

use super::entry::Entry;

/// A change of one entry of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) table: String,
    #[serde(flatten)]
    pub(crate) entry: Entry,
    /// The file is no longer published. Then the entry has nothing but its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) removed: bool,
}

impl Change {
    /// The file of `entry` is published; an entry with the same path is replaced.
    pub(crate) fn add(table: &str, entry: Entry) -> Self {
        Self { table: table.to_owned(), entry, removed: false }
    }

    /// The file is no longer published.
    pub(crate) fn remove(table: &str, file: &str) -> Self {
        let entry = Entry { file: file.to_owned(), ..Entry::default() };
        Self { table: table.to_owned(), entry, removed: true }
    }

    /// What changes: of two changes with the same key, the newer one counts.
    pub(crate) fn key(&self) -> (&str, &str) {
        (&self.table, &self.entry.file)
    }
}

/// Keeps the newest change of each key, sorted by key. `changes` begin with the oldest.
pub(crate) fn newest(mut changes: Vec<Change>) -> Vec<Change> {
    // The sort is stable. It is fast here, because the parts of `changes` are already sorted.
    changes.sort_by(|a, b| a.key().cmp(&b.key()));
    changes.dedup_by(|newer, older| {
        let same = newer.key() == older.key();
        if same {
            std::mem::swap(newer, older);
        }
        same
    });
    changes
}
