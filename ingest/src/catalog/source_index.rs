//! The source rows of a dataset root, with indexes by content and by path.
//!
//! From them follows which sources need no work, and which ones must be decoded again. A run reads
//! the rows once, and passes the index along.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{Error, Manifest, SourceRow, read_clip_rows, read_sources};
use genie_stage::key::Key;

use super::publish::{clear, republish};
use crate::config::MetadataRules;
use crate::discover::{FileStamp, SourceFile, metadata};
use crate::reject::Reason;

/// The source rows of a dataset root, with indexes.
pub struct SourceIndex {
    rows: Vec<SourceRow>,
    /// Content hash, path and reason of every row.
    known: HashSet<(String, String, Option<String>)>,
    /// The row that decides about a content; the key is the content hash.
    decided: HashMap<String, usize>,
    /// The rows of each path.
    by_path: HashMap<String, Vec<usize>>,
}

impl SourceIndex {
    /// Reads the catalog.
    ///
    /// If an older version of the program wrote the catalog, this removes it from the manifest. The
    /// run then decodes all sources again.
    pub fn load(root: &Utf8Path) -> Result<Self> {
        let rows = match read_sources(root) {
            Err(error @ Error::Older { .. }) => {
                tracing::warn!("{error}");
                Manifest::commit(root, clear)?;
                Vec::new()
            }
            rows => rows.with_context(|| format!("cannot read the catalog in {root}"))?,
        };
        Ok(Self::new(rows))
    }

    /// An index of the given rows.
    pub fn new(rows: Vec<SourceRow>) -> Self {
        let known = rows.iter().map(identity).collect();
        let decides = |row: &SourceRow| !row.source_id.is_empty() && !is_duplicate(row);
        let decided = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| decides(row))
            .map(|(n, row)| (row.source_id.clone(), n))
            .collect();
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, row) in rows.iter().enumerate() {
            by_path.entry(row.source_path.clone()).or_default().push(n);
        }
        Self { rows, known, decided, by_path }
    }

    /// All source rows.
    pub fn rows(&self) -> &[SourceRow] {
        &self.rows
    }

    /// The row of a content that was ingested or rejected, so that there is nothing to do.
    ///
    /// Rows of duplicates do not count.
    pub fn decided(&self, source_id: &str) -> Option<&SourceRow> {
        self.decided.get(source_id).map(|&row| &self.rows[row])
    }

    /// Whether there is a row with the same content, path and reason.
    pub fn has_row(&self, row: &SourceRow) -> bool {
        self.known.contains(&identity(row))
    }

    /// The content hash of a file, if its path and stamp are in the catalog.
    pub fn content(&self, path: &str, stamp: FileStamp) -> Option<&str> {
        let same = |row: &&SourceRow| {
            !row.source_id.is_empty()
                && (FileStamp { bytes: row.bytes, modified_ns: row.modified_ns }) == stamp
        };
        self.of_path(path).find(same).map(|row| row.source_id.as_str())
    }

    /// The content hashes of sources that must be decoded again.
    ///
    /// These are sources that were ingested with another config. If the same file was found again,
    /// they are also sources whose sidecar changed, or for which the keyword rules now have another
    /// result.
    pub fn outdated(
        &self,
        config_key: &Key,
        sources: &[SourceFile],
        rules: &MetadataRules,
    ) -> HashSet<String> {
        let other_config =
            |row: &&SourceRow| row.ingest_key.split('-').next() != Some(config_key.as_str());
        let mut outdated: HashSet<String> =
            self.rows.iter().filter(other_config).map(|row| row.source_id.clone()).collect();
        for source in sources {
            let row = self.decided(&source.id).filter(|row| row.source_path == source.shown_path());
            let Some(row) = row else { continue };
            let was_rejected = row.reason.as_deref() == Some(Reason::Metadata.code());
            let other_rules = || row.metadata_key != source.metadata_key;
            let other_outcome = || metadata::check(&source.path, rules).is_some() != was_rejected;
            if row.ingest_key != source.key || (other_rules() && other_outcome()) {
                outdated.insert(row.source_id.clone());
            }
        }
        outdated
    }

    /// The content hashes of sources that were rejected for one of these reasons.
    pub fn rejected_for(&self, reasons: &[Reason]) -> impl Iterator<Item = String> {
        let is_one = |row: &&SourceRow| {
            reasons.iter().any(|reason| row.reason.as_deref() == Some(reason.code()))
        };
        self.rows.iter().filter(is_one).map(|row| row.source_id.clone())
    }

    /// Drops outdated sources with their clips, and updates the rows of the files that were found.
    ///
    /// Publishes both changes with one commit, so that no reader sees only one of them. Publishes
    /// nothing if nothing changes.
    pub fn update(
        mut self,
        root: &Utf8Path,
        outdated: &HashSet<String>,
        found: &[SourceFile],
    ) -> Result<Self> {
        if !outdated.is_empty() {
            let before = self.rows.len();
            self.rows.retain(|row| !outdated.contains(&row.source_id));
            tracing::info!(
                "ingest: dropped {} sources, because the config, a sidecar or ingest.keep changed, \
                 or their clips are damaged; ingest decodes those again that still exist",
                before - self.rows.len()
            );
            self = Self::new(self.rows);
        }
        let fresh = self.with_found(found);
        if outdated.is_empty() && fresh.is_none() {
            return Ok(self);
        }
        let catalog = fresh.map_or(self, Self::new);
        let mut clips = read_clip_rows(root)?;
        clips.retain(|row| !outdated.contains(&row.meta.source_id));
        republish(root, &catalog.rows, &clips)?;
        Ok(catalog)
    }

    /// The rows, updated by the files that were found. `None` if nothing changes.
    ///
    /// Rows get the current stamp and metadata key, and a file that was moved gets its new path. A
    /// reject that belonged to a path, not to a content, is removed if it is no longer true.
    fn with_found(&self, sources: &[SourceFile]) -> Option<Vec<SourceRow>> {
        let found: HashMap<String, &SourceFile> =
            sources.iter().map(|source| (source.shown_path(), source)).collect();
        let elsewhere: HashMap<&str, &SourceFile> = sources
            .iter()
            .filter(|source| {
                !source.id.is_empty() && self.row_of(&source.shown_path(), &source.id).is_none()
            })
            .map(|source| (source.id.as_str(), source))
            .collect();
        let mut rows = self.rows.clone();
        rows.retain_mut(|row| {
            let moved = elsewhere.get(row.source_id.as_str()).filter(|_| !is_duplicate(row));
            if let Some(source) = moved.filter(|_| !Path::new(&row.source_path).exists()) {
                row.source_path = source.shown_path();
            }
            let Some(source) = found.get(&row.source_path) else { return true };
            if row.source_id == source.id && !row.source_id.is_empty() {
                (row.bytes, row.modified_ns) = (source.stamp.bytes, source.stamp.modified_ns);
                row.metadata_key.clone_from(&source.metadata_key);
            }
            let outlived =
                row.source_id.is_empty() || row.reason.as_deref() == Some(Reason::Changed.code());
            let still =
                source.reject.as_ref().map(|reject| source.rejected(source.row(), reject).reason);
            !outlived || still == Some(row.reason.clone())
        });
        if rows == self.rows {
            return None;
        }
        // The same order as after reading the catalog.
        rows.sort_by(|a, b| order(a).cmp(&order(b)));
        Some(rows)
    }

    /// The row of a file; the key is its path and its content hash.
    pub fn row_of(&self, path: &str, source_id: &str) -> Option<&SourceRow> {
        self.of_path(path).find(|row| row.source_id == source_id)
    }

    fn of_path(&self, path: &str) -> impl Iterator<Item = &SourceRow> {
        self.by_path.get(path).into_iter().flatten().map(|&row| &self.rows[row])
    }
}

fn is_duplicate(row: &SourceRow) -> bool {
    row.reason.as_deref() == Some(Reason::Duplicate.code())
}

fn order(row: &SourceRow) -> (&str, &str, &str) {
    (&row.source_path, &row.source_id, &row.ingest_key)
}

fn identity(row: &SourceRow) -> (String, String, Option<String>) {
    (row.source_id.clone(), row.source_path.clone(), row.reason.clone())
}
