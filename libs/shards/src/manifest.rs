//! The manifest: the only list of published files.
//!
//! `manifest.json` in a directory names the published files below it, grouped by table, with their
//! rows, bytes and hashes. A commit replaces the whole file atomically while it holds a file lock.
//! So two writers lose nothing, and a reader sees the old state or the new one. A file that no
//! manifest names is garbage.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    formats::MANIFEST_FORMAT,
};

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
    /// Token shards; in the manifest of a tokenizer's directory.
    pub const TOKENS: &str = "tokens";
    /// Action shards; in the manifest of a latent action model's directory.
    pub const ACTIONS: &str = "actions";
    /// Measured windows; in the manifest of a report's directory.
    pub const WINDOWS: &str = "windows";
}

const FILE: &str = "manifest.json";
const LOCK: &str = ".manifest.lock";

/// A published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path relative to the directory of the manifest.
    pub file: String,
    pub rows: u64,
    pub bytes: u64,
    /// BLAKE3 of the whole file, in hex.
    pub blake3: String,
}

/// The published files of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    tables: BTreeMap<String, Vec<Entry>>,
}

/// The field that manifests of all formats have.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { format: MANIFEST_FORMAT, tables: BTreeMap::new() }
    }
}

impl Manifest {
    /// Loads the manifest of a directory; returns an empty one if there is none.
    ///
    /// # Errors
    /// If the manifest cannot be read, is damaged, or has a later format.
    pub fn load(dir: &Utf8Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Error::io(&path, "read")(error)),
        };
        let json = |source| Error::Json { path: path.clone(), source };
        // Only the version first: a later format may differ in everything else.
        let found = serde_json::from_slice::<Version>(&text).map_err(json)?.format;
        if found > u64::from(MANIFEST_FORMAT) {
            return Err(Error::Newer { path, what: "a manifest", found, known: MANIFEST_FORMAT });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(json)?;
        manifest.check_paths(&path)?;
        Ok(manifest)
    }

    /// Edits the manifest of a directory atomically, under its lock, and returns the new one.
    ///
    /// Every newly named file must exist with the size that its entry gives.
    ///
    /// # Errors
    /// If the manifest cannot be loaded or replaced, or names a missing file. Then nothing has
    /// changed.
    pub fn commit(dir: &Utf8Path, edit: impl FnOnce(&mut Self)) -> Result<Self> {
        genie_durable::create_dir(dir)?;
        let lock_path = dir.join(LOCK);
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(Error::io(&lock_path, "open"))?;
        lock.lock().map_err(Error::io(&lock_path, "lock"))?;

        let old = Self::load(dir)?;
        let mut new = old.clone();
        edit(&mut new);
        new.tidy();
        if new == old {
            return Ok(new);
        }
        let path = dir.join(FILE);
        new.check_paths(&path)?;
        new.check_new_files(dir, &old)?;
        let text = serde_json::to_vec_pretty(&new)
            .map_err(|source| Error::Json { path: path.clone(), source })?;
        genie_durable::write(&path, text)?;
        Ok(new)
    }

    /// The published files of a table; empty if the table does not exist.
    #[must_use]
    pub fn table(&self, table: &str) -> &[Entry] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// Number of rows of a table, over all its files.
    #[must_use]
    pub fn rows(&self, table: &str) -> u64 {
        self.table(table).iter().map(|entry| entry.rows).sum()
    }

    /// Adds a published file; replaces an entry with the same path.
    pub fn add(&mut self, table: &str, entry: Entry) {
        let entries = self.tables.entry(table.to_owned()).or_default();
        entries.retain(|other| other.file != entry.file);
        entries.push(entry);
    }

    /// Keeps only the entries for which `keep` is true.
    ///
    /// The files stay until [`crate::collect`] removes them.
    pub fn retain(&mut self, table: &str, keep: impl FnMut(&Entry) -> bool) {
        if let Some(entries) = self.tables.get_mut(table) {
            entries.retain(keep);
        }
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
    /// These are drafts of killed runs, and files that were replaced. Remove them only while no
    /// writer is running.
    ///
    /// # Errors
    /// If one of the directories exists and cannot be listed.
    pub fn unnamed(&self, dir: &Utf8Path, below: &[&str]) -> Result<Vec<Utf8PathBuf>> {
        let named: HashSet<Utf8PathBuf> =
            self.entries().map(|(_, entry)| dir.join(&entry.file)).collect();
        let ours = |path: &Utf8Path| {
            let draft =
                path.file_name().is_some_and(|name| name.starts_with('.') && name.contains("tmp"));
            draft || path.extension() == Some("parquet")
        };
        let mut unnamed = Vec::new();
        for dir in std::iter::once(dir.to_owned()).chain(below.iter().map(|name| dir.join(name))) {
            if !dir.is_dir() {
                continue;
            }
            for item in dir.read_dir_utf8().map_err(Error::io(&dir, "list the directory"))? {
                let path = item.map_err(Error::io(&dir, "list the directory"))?.into_path();
                if ours(&path) && path.is_file() && !named.contains(&path) {
                    unnamed.push(path);
                }
            }
        }
        unnamed.sort();
        Ok(unnamed)
    }

    fn lines<'a>(&'a self, table: &'a str) -> impl Iterator<Item = String> + 'a {
        self.table(table)
            .iter()
            .map(move |entry| format!("{table} {} {}\n", entry.blake3, entry.rows))
    }

    /// Gives equal content one form, so that a commit that changes nothing writes nothing.
    fn tidy(&mut self) {
        for entries in self.tables.values_mut() {
            entries.sort_by(|a, b| a.file.cmp(&b.file));
        }
        self.tables.retain(|_, entries| !entries.is_empty());
    }

    /// Refuses names outside the directory: somebody may have copied the manifest from elsewhere.
    fn check_paths(&self, path: &Utf8Path) -> Result<()> {
        let inside = |file: &str| {
            !file.is_empty()
                && Utf8Path::new(file)
                    .components()
                    .all(|part| matches!(part, Utf8Component::Normal(_)))
        };
        match self.tables.values().flatten().find(|entry| !inside(&entry.file)) {
            None => Ok(()),
            Some(entry) => Err(Error::Damaged {
                path: path.to_owned(),
                problem: format!(
                    "names `{}`, which is not a file below the directory of the manifest",
                    entry.file
                ),
            }),
        }
    }

    fn check_new_files(&self, dir: &Utf8Path, old: &Self) -> Result<()> {
        for (table, entries) in &self.tables {
            for entry in entries.iter().filter(|entry| !old.table(table).contains(entry)) {
                let path = dir.join(&entry.file);
                let found =
                    fs::metadata(&path).map_err(Error::io(&path, "find the file to publish"))?;
                if found.len() != entry.bytes {
                    let problem =
                        format!("has {} bytes, but its entry says {}", found.len(), entry.bytes);
                    return Err(Error::Damaged { path, problem });
                }
            }
        }
        Ok(())
    }
}

fn hash(mut lines: Vec<String>) -> String {
    lines.sort();
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests;
