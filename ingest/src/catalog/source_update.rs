//! Updating source rows to the files of a run: where they are now, and which must be decoded again.

use std::collections::HashSet;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::SourceRow;
use genie_stage::key::Key;

use super::finalize::EditedSources;
use super::follow::{FileChanges, FoundFiles};
use super::partitions::sort_sources;
use super::row_kinds::{is_duplicate, is_of_config, pending};
use super::source_index::SourceIndex;
use crate::discover::SourceFile;
use crate::reject::Reason;

/// The update of source rows to the files that a run found.
pub struct SourceUpdate<'a> {
    found: FoundFiles<'a>,
    config_key: &'a Key,
    /// Sources that were rejected for one of these reasons are decoded again.
    retry: &'a [Reason],
    /// Content hashes of further sources that must be decoded again.
    pub outdated: HashSet<String>,
}

/// What an update finds in the catalog.
pub struct FoundChanges {
    /// The rows of the found files, where the files are now.
    pub index: SourceIndex,
    pub changes: FileChanges,
    /// Whether rows of the catalog are out of date.
    pub is_outdated: bool,
}

impl<'a> SourceUpdate<'a> {
    /// The update for the files that a run found. Sources of another config are outdated.
    pub fn new(sources: &'a [SourceFile], config_key: &'a Key, retry: &'a [Reason]) -> Self {
        let found = FoundFiles::new(sources);
        Self { found, config_key, retry, outdated: HashSet::new() }
    }

    /// Looks what happened to the files of all rows; changes nothing.
    pub fn look(&self, root: &Utf8Path) -> Result<FoundChanges> {
        let look = |before: Vec<SourceRow>| {
            let (rows, changes) = self.found.follow(&before, self.config_key);
            let mut after = rows.clone();
            for row in &mut after {
                self.refresh(row);
            }
            sort_sources(&mut after);
            let is_outdated = after != before || rows.iter().any(|row| self.matches(row));
            (rows, (changes, is_outdated))
        };
        let (index, parts) = SourceIndex::read_with(root, look, |row| self.found.concern(row))?;
        let is_outdated = parts.iter().any(|(_, is_outdated)| *is_outdated);
        let changes = parts.into_iter().map(|(changes, _)| changes);
        let changes = changes.fold(FileChanges::default(), FileChanges::merge);
        Ok(FoundChanges { index, changes, is_outdated })
    }

    /// Updates the rows of a part of the catalog.
    ///
    /// Rows follow their files. Outdated sources go with their clips. Sources of the same config
    /// keep their splits.
    pub fn edit(&self, rows: &[SourceRow]) -> EditedSources {
        let (mut rows, _) = self.found.follow(rows, self.config_key);
        let outdated = rows.iter().filter(|row| self.matches(row) && !row.source_id.is_empty());
        let dropped: HashSet<String> = outdated.map(|row| row.source_id.clone()).collect();
        for row in &mut rows {
            self.refresh(row);
        }
        let rows = rows.into_iter().filter_map(|row| {
            let is_outdated = dropped.contains(&row.source_id) || self.matches(&row);
            if !is_outdated {
                return Some(row);
            }
            let stays = !is_duplicate(&row) && is_of_config(&row, self.config_key);
            stays.then(|| pending(&row)).flatten()
        });
        EditedSources { rows: rows.collect(), dropped }
    }

    /// Whether the source of a row must be decoded again.
    fn matches(&self, row: &SourceRow) -> bool {
        let retry = |reason: &Reason| row.reason.as_deref() == Some(reason.code());
        self.outdated.contains(&row.source_id)
            || !is_of_config(row, self.config_key)
            || self.retry.iter().any(retry)
    }

    /// Stores the current metadata key of the file of a row.
    fn refresh(&self, row: &mut SourceRow) {
        if let Some(file) = self.found.file_of(row) {
            row.metadata_key.clone_from(&file.metadata_key);
        }
    }
}
