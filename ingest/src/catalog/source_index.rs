//! The source rows of a dataset root, with indexes by content and by path.
//!
//! From them follows which sources need no work, and which ones must be decoded again. A run reads
//! the rows once, and passes the index along.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use genie_shards::{Error, Manifest, SourceRow, Split, read_clip_rows, read_sources};
use genie_stage::key::Key;

use super::follow::{FileChanges, follow};
use super::publish::{clear, republish};
use super::row_kinds::{is_decided, is_duplicate, is_of_config, is_pending, pending};
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
    /// Splits of sources that must be decoded again; the key is the content hash.
    pending: HashMap<String, Split>,
    /// The manifest does not name these rows yet.
    unpublished: bool,
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
        let decided = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| is_decided(row))
            .map(|(n, row)| (row.source_id.clone(), n))
            .collect();
        let pending = rows.iter().filter(|row| is_pending(row));
        let pending = pending.filter_map(|row| Some((row.source_id.clone(), row.split?))).collect();
        let mut by_path: HashMap<String, Vec<usize>> = HashMap::new();
        for (n, row) in rows.iter().enumerate() {
            by_path.entry(row.source_path.clone()).or_default().push(n);
        }
        Self { rows, known, decided, by_path, pending, unpublished: false }
    }

    /// All source rows.
    pub fn rows(&self) -> &[SourceRow] {
        &self.rows
    }

    /// The row of a content that was ingested or rejected, so that there is nothing to do.
    ///
    /// Rows of duplicates and pending rows do not count.
    pub fn decided(&self, source_id: &str) -> Option<&SourceRow> {
        self.decided.get(source_id).map(|&row| &self.rows[row])
    }

    /// The split of a source that an earlier run decided and that must be decoded again.
    pub fn pending_split(&self, source_id: &str) -> Option<Split> {
        self.pending.get(source_id).copied()
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
        let other_config = self.rows.iter().filter(|row| !is_of_config(row, config_key));
        let mut outdated: HashSet<String> = other_config.map(|row| row.source_id.clone()).collect();
        for source in sources {
            let row = self.decided(&source.id).filter(|row| row.source_path == source.shown_path());
            let Some(row) = row else { continue };
            let was_rejected = row.reason.as_deref() == Some(Reason::Metadata.code());
            let other_rules = || row.metadata_key != source.metadata_key;
            let other_outcome = || {
                let verdict = metadata::check(&source.path, rules);
                verdict.reject.is_some() != was_rejected
                    || verdict.note.is_some() != metadata::is_noted(row)
            };
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

    /// The index with the rows updated to the files that were found; publishes nothing.
    pub fn follow(self, found: &[SourceFile], config_key: &Key) -> (Self, FileChanges) {
        let (rows, changes) = follow(&self.rows, found, config_key);
        if rows == self.rows {
            return (self, changes);
        }
        (Self { unpublished: true, ..Self::new(rows) }, changes)
    }

    /// Drops outdated sources with their clips, and publishes the rows if they changed.
    ///
    /// Publishes both changes with one commit, so that no reader sees only one of them. Sources of
    /// the config with the key `config_key` keep their splits. `found` are the files that were
    /// found: their metadata keys become those of the rows.
    pub fn update(
        mut self,
        root: &Utf8Path,
        config_key: Option<&Key>,
        outdated: &HashSet<String>,
        found: &[SourceFile],
    ) -> Result<Self> {
        self.refresh_metadata_keys(found);
        if outdated.is_empty() && !self.unpublished {
            return Ok(self);
        }
        if !outdated.is_empty() {
            let count = self.rows.iter().filter(|row| outdated.contains(&row.source_id)).count();
            let same_config = |row: &SourceRow| config_key.is_none_or(|key| is_of_config(row, key));
            let rows = self.rows.into_iter().filter_map(|row| {
                if !outdated.contains(&row.source_id) {
                    return Some(row);
                }
                Some(row)
                    .filter(|row| !is_duplicate(row) && same_config(row))
                    .as_ref()
                    .and_then(pending)
            });
            tracing::info!(
                "ingest: dropped {count} sources, because the config, a sidecar or ingest.keep \
                 changed, or their clips are damaged; ingest decodes those again that still exist"
            );
            self = Self::new(rows.collect());
        }
        let mut clips = read_clip_rows(root)?;
        clips.retain(|row| !outdated.contains(&row.meta.source_id));
        let decided = |row: &&SourceRow| is_decided(row);
        let paths: HashMap<&str, &str> = (self.rows.iter().filter(decided))
            .map(|row| (row.source_id.as_str(), row.source_path.as_str()))
            .collect();
        for row in &mut clips {
            if let Some(&path) = paths.get(row.meta.source_id.as_str()) {
                path.clone_into(&mut row.meta.source_path);
            }
        }
        republish(root, &self.rows, &clips)?;
        self.unpublished = false;
        Ok(self)
    }

    /// Stores the current metadata keys of the found files, whose results are up to date.
    fn refresh_metadata_keys(&mut self, found: &[SourceFile]) {
        for source in found.iter().filter(|source| !source.id.is_empty()) {
            let path = source.shown_path();
            for &row in self.by_path.get(&path).into_iter().flatten() {
                let row = &mut self.rows[row];
                if row.source_id == source.id && row.metadata_key != source.metadata_key {
                    row.metadata_key.clone_from(&source.metadata_key);
                    self.unpublished = true;
                }
            }
        }
    }

    /// The row of a file; the key is its path and its content hash.
    pub fn row_of(&self, path: &str, source_id: &str) -> Option<&SourceRow> {
        self.of_path(path).find(|row| row.source_id == source_id)
    }

    fn of_path(&self, path: &str) -> impl Iterator<Item = &SourceRow> {
        self.by_path.get(path).into_iter().flatten().map(|&row| &self.rows[row])
    }
}

fn identity(row: &SourceRow) -> (String, String, Option<String>) {
    (row.source_id.clone(), row.source_path.clone(), row.reason.clone())
}
