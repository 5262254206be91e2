//! Follows a manifest to which other processes commit.
//!
//! To read a manifest of millions of entries takes seconds, and other processes commit meanwhile. A
//! follower reads only the parts of the manifest that are new to it.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::{change::Change, entry::Entry, segment, version::Version};
use crate::error::Result;

/// Reads what a manifest gets, again and again.
#[derive(Debug)]
pub struct ManifestFollower {
    dir: Utf8PathBuf,
    /// The segments that were read. A segment never changes.
    read: HashSet<String>,
}

/// What is new in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntries {
    /// The number of the version that was read, see [`crate::ManifestEdit::version`].
    pub version: u64,
    /// Entries that were added since the last call, or earlier.
    pub entries: Vec<Entry>,
}

impl ManifestFollower {
    /// Follows the manifest of a directory. The first call reads all of it.
    #[must_use]
    pub fn new(dir: &Utf8Path) -> Self {
        Self { dir: dir.to_owned(), read: HashSet::new() }
    }

    /// Reads the newest version, and the parts of it that are new.
    ///
    /// Of the given table, the entries may contain some that earlier calls returned, and some that
    /// are no longer published.
    ///
    /// # Errors
    /// If the manifest cannot be read or is damaged.
    pub fn read_new(&mut self, table: &str) -> Result<NewEntries> {
        loop {
            let version = Version::newest(&self.dir)?;
            let changes = self.changes(&version);
            // A writer may have removed a segment, after it created a version without it.
            if changes.is_err() && Version::newest(&self.dir)?.number != version.number {
                continue;
            }
            let added = changes?.into_iter().filter(|change| !change.removed);
            let entries = added.filter(|change| change.table == table).map(|change| change.entry);
            self.read.extend(version.segments.iter().map(|segment| segment.file.clone()));
            return Ok(NewEntries { version: version.number, entries: entries.collect() });
        }
    }

    fn changes(&self, version: &Version) -> Result<Vec<Change>> {
        let mut changes = version.changes.clone();
        for part in version.segments.iter().filter(|part| !self.read.contains(&part.file)) {
            changes.append(&mut segment::read(&Version::folder(&self.dir), part)?);
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;
    use super::*;
    use crate::testing;

    /// Catches: a follower misses entries that were merged into a segment, or reads all segments
    /// again for each commit; an edit does not know that another process has committed.
    #[test]
    fn new_entries_are_found_in_segments_and_versions() {
        let (_guard, root) = testing::root();
        let mut follower = ManifestFollower::new(&root);
        let (mut seen, mut read) = (HashSet::new(), 0);
        for number in 0..300 {
            let content = number.to_string();
            let file = format!("{number}.parquet");
            std::fs::write(root.join(&file), &content).unwrap();
            let blake3 = blake3::hash(content.as_bytes()).to_hex().to_string();
            let entry = Entry { file, rows: 1, bytes: content.len() as u64, blake3 };
            Manifest::commit(&root, |manifest| manifest.add("clips", entry.clone())).unwrap();
            if number % 10 == 9 {
                let new = follower.read_new("clips").unwrap();
                assert_eq!(new.version, number + 1);
                read += new.entries.len();
                seen.extend(new.entries.into_iter().map(|entry| entry.file));
                assert_eq!(seen.len() as u64, number + 1);
                let versions = std::cell::Cell::new(0);
                Manifest::commit(&root, |manifest| versions.set(manifest.version())).unwrap();
                assert_eq!(versions.get(), new.version);
            }
        }
        assert!(follower.read_new("tokens").unwrap().entries.is_empty());
        assert!(read < 3000, "{read} entries were read for 300");
    }
}
