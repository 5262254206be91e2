//! Edits: what a commit changes.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{change::Change, entry::Entry, version::Version};
use crate::error::Result;

/// The changes of one commit. Segments are read only if a change depends on what they contain.
pub struct ManifestEdit<'a> {
    dir: &'a Utf8Path,
    base: &'a Version,
    /// What the base publishes, after a change needed it.
    published: Option<Result<Vec<Change>>>,
    /// By table and file.
    changes: BTreeMap<(String, String), Change>,
}

impl<'a> ManifestEdit<'a> {
    /// An edit of the version `base` of a directory.
    pub(crate) fn new(dir: &'a Utf8Path, base: &'a Version) -> Self {
        Self { dir, base, published: None, changes: BTreeMap::new() }
    }

    /// The number of the version that is edited; each commit raises it by one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.base.number
    }

    /// Adds a published file; replaces an entry with the same path.
    pub fn add(&mut self, table: &str, entry: Entry) {
        self.set(Change::add(table, entry));
    }

    /// Removes the entry of a file, if there is one.
    ///
    /// The file stays until [`crate::collect`] removes it.
    pub fn remove(&mut self, table: &str, file: &str) {
        self.set(Change::remove(table, file));
    }

    /// Keeps only the entries for which `keep` is true.
    ///
    /// This reads the whole manifest, so prefer [`Self::remove`] if the names are known. The files
    /// stay until [`crate::collect`] removes them.
    pub fn retain(&mut self, table: &str, mut keep: impl FnMut(&Entry) -> bool) {
        let read = || self.base.published(self.dir);
        let Ok(published) = self.published.get_or_insert_with(read) else { return };
        let key = |change: &Change| (change.table.clone(), change.entry.file.clone());
        let old = published.iter().filter(|change| !self.changes.contains_key(&key(change)));
        let new = self.changes.values().filter(|change| !change.removed);
        let of_table = old.chain(new).filter(|change| change.table == table);
        let dropped: Vec<Change> = of_table
            .filter(|change| !keep(&change.entry))
            .map(|change| Change::remove(table, &change.entry.file))
            .collect();
        for change in dropped {
            self.set(change);
        }
    }

    /// The changes that are not made yet, as far as that is known without reading segments.
    ///
    /// # Errors
    /// If a change needed a segment that cannot be read.
    pub(crate) fn finish(self) -> Result<Vec<Change>> {
        let find = |changes: &[Change], wanted: &Change| {
            let found = changes.binary_search_by(|change| change.key().cmp(&wanted.key()));
            found.ok().map(|at| changes[at].clone())
        };
        let mut changes: Vec<Change> = self.changes.into_values().collect();
        match self.published.transpose()? {
            Some(published) => changes.retain(|change| match find(&published, change) {
                Some(old) => old != *change,
                None => !change.removed,
            }),
            None => changes
                .retain(|change| find(&self.base.changes, change).is_none_or(|old| old != *change)),
        }
        Ok(changes)
    }

    fn set(&mut self, change: Change) {
        self.changes.insert((change.table.clone(), change.entry.file.clone()), change);
    }
}
