//! The manifest: the only list of published files.
//!
//! The manifest of a directory names the published files below it, grouped by table, with their
//! rows, bytes and hashes. A file that no manifest names is garbage.
//!
//! A commit creates a version, which is a small file in the folder `manifest`. It contains the
//! newest changes and names immutable segments with the older ones. So a commit costs what it adds,
//! two writers lose nothing, and a reader sees the old version or the new one.
//!
//! | module | contents |
//! |---|---|
//! | `entry` | what a manifest says about one file |
//! | `change` | files that are published, and files that no longer are |
//! | `segment` | many changes in one Parquet file; when segments are merged |
//! | `version` | the newest changes, and the names of the segments |
//! | `marker` | `manifest.json`: the manifest of version 0.1; it stops programs of that time |
//! | `alone` | runs that expect no commits of other machines |
//! | `follower` | reads only what other processes have committed since the last time |
//! | `edit`, `commit` | changes of one commit, and how they become the next version |

mod alone;
mod change;
mod commit;
mod edit;
mod entry;
mod follower;
mod marker;
mod segment;
mod version;

use std::collections::{BTreeMap, HashSet};

use camino::{Utf8Path, Utf8PathBuf};

use self::version::Version;
pub use self::{
    alone::Alone,
    edit::ManifestEdit,
    entry::Entry,
    follower::{ManifestFollower, NewEntries},
};
use crate::error::Result;

/// Names of the tables in manifests.
pub mod tables {
    /// Clip shards; in the manifest of a dataset root.
    pub const CLIPS: &str = "clips";
    /// Source rows of the catalog; in the manifest of a dataset root.
    pub const SOURCES: &str = "sources";
    /// Clip rows of the catalog; in the manifest of a dataset root.
    pub const CLIP_ROWS: &str = "clip_rows";
    /// Near pairs of the catalog; in the manifest of a dataset root.
    pub const NEAR_PAIRS: &str = "near_pairs";
    /// Labels of clips; in the manifest of the directory `labels` of a dataset root.
    pub const LABELS: &str = "labels";
    /// Qualities of clips; in the manifest of a quality network's directory below `quality`.
    pub const QUALITY: &str = "quality";
    /// Examples of labelled clips; in the manifest of the directory `quality/examples`.
    pub const EXAMPLES: &str = "examples";
    /// Token shards; in the manifest of a tokenizer's directory.
    pub const TOKENS: &str = "tokens";
    /// Action shards; in the manifest of a latent action model's directory.
    pub const ACTIONS: &str = "actions";
    /// Measured windows; in the manifest of a report's directory.
    pub const WINDOWS: &str = "windows";
    /// Windows on which agreement is measured; in the manifest of a report's directory.
    pub const AGREEMENT: &str = "agreement";
}

/// The published files of a directory, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    /// Each table has at least one entry. The entries are sorted by file.
    tables: BTreeMap<String, Vec<Entry>>,
}

impl Manifest {
    /// Loads the manifest of a directory; returns an empty one if there is none.
    ///
    /// # Errors
    /// If the manifest cannot be read, is damaged, or has a later format.
    pub fn load(dir: &Utf8Path) -> Result<Self> {
        loop {
            let version = Version::newest(dir)?;
            let published = version.published(dir);
            // A writer may have removed a segment, after it created a version without it.
            if published.is_err() && Version::newest(dir)?.number != version.number {
                continue;
            }
            let mut tables: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
            for change in published? {
                tables.entry(change.table).or_default().push(change.entry);
            }
            return Ok(Self { tables });
        }
    }

    /// Edits the manifest of a directory atomically, under its lock.
    ///
    /// Every newly named file must exist with the size that its entry gives. `edit` may run more
    /// than once. Files that lose their entry get the current time as their modification time.
    ///
    /// # Errors
    /// If the manifest cannot be read or written, or names a missing file. Then the published files
    /// are the same as before, with one exception: if the new version was created, but its folder
    /// cannot be flushed or listed, the edit may be published. Repeating it does no harm.
    pub fn commit(dir: &Utf8Path, edit: impl Fn(&mut ManifestEdit<'_>)) -> Result<()> {
        commit::commit(dir, edit)
    }

    /// Removes the manifest of a directory, so that nothing is published there.
    ///
    /// # Errors
    /// If its files cannot be removed. Then everything is still published.
    pub fn remove(dir: &Utf8Path) -> Result<()> {
        genie_store::remove_file(&marker::path(dir))?;
        Ok(genie_store::remove_dir(&Version::folder(dir))?)
    }

    /// The published files of a table, sorted by path; empty if the table does not exist.
    #[must_use]
    pub fn table(&self, table: &str) -> &[Entry] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// Number of rows of a table, over all its files; at most [`u64::MAX`].
    #[must_use]
    pub fn rows(&self, table: &str) -> u64 {
        self.table(table).iter().fold(0, |rows, entry| rows.saturating_add(entry.rows))
    }

    /// Hash of all published content, in hex; names and order of the files do not matter.
    #[must_use]
    pub fn content_hash(&self) -> String {
        hash(self.tables.keys().flat_map(|name| self.lines(name)).collect())
    }

    /// Hash of one table's content, in hex: the input hash of a step that reads only this table.
    #[must_use]
    pub fn table_hash(&self, table: &str) -> String {
        hash(self.lines(table).collect())
    }

    /// All published files, each with the name of its table.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.tables
            .iter()
            .flat_map(|(table, entries)| entries.iter().map(move |entry| (table.as_str(), entry)))
    }

    /// Lists the files in `dir`, and in the directories `below` it, that no table names.
    ///
    /// These are drafts of killed runs, files that were replaced, and old parts of the manifest.
    /// Remove them only while no writer is running.
    ///
    /// # Errors
    /// If one of the directories exists and cannot be listed.
    pub fn unnamed(&self, dir: &Utf8Path, below: &[&str]) -> Result<Vec<Utf8PathBuf>> {
        let mut named: HashSet<Utf8PathBuf> =
            self.entries().map(|(_, entry)| dir.join(&entry.file)).collect();
        named.extend(Version::newest(dir)?.files(dir));
        let folder = Version::folder(dir);
        let ours = |path: &Utf8Path| {
            let draft =
                path.file_name().is_some_and(|name| name.starts_with('.') && name.contains("tmp"));
            draft || path.extension() == Some("parquet") || path.starts_with(&folder)
        };
        let below = below.iter().map(|name| dir.join(name));
        let mut unnamed = Vec::new();
        for dir in [dir.to_owned(), folder.clone()].into_iter().chain(below) {
            let files = genie_store::list(&dir)?.files.into_iter();
            unnamed.extend(files.filter(|path| ours(path) && !named.contains(path)));
        }
        unnamed.sort();
        Ok(unnamed)
    }

    fn lines<'a>(&'a self, table: &'a str) -> impl Iterator<Item = String> + 'a {
        self.table(table)
            .iter()
            .map(move |entry| format!("{table} {} {}\n", entry.blake3, entry.rows))
    }
}

fn hash(mut lines: Vec<String>) -> String {
    lines.sort();
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests;
