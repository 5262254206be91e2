//! Updating source rows to the files of a run: where they are now, and which must be decoded again.

use std::collections::HashSet;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::SourceRow;
use genie_stage::key::Key;

use super::finalize::EditedSources;
use super::follow::{FileChanges, FileFollower};
use super::partitions::sort_sources;
use super::row_kinds::{is_decided, is_duplicate, is_of_config, pending};
use super::source_index::SourceIndex;
use crate::config::MetadataRules;
use crate::discover::{SourceFile, SourceFiles, metadata};
use crate::reject::Reason;

/// The update of source rows to the files that a run found.
pub struct SourceUpdate<'a> {
    files: &'a SourceFiles,
    config_key: &'a Key,
    rules: &'a MetadataRules,
    /// Sources that were rejected for one of these reasons are decoded again.
    retry: &'a [Reason],
    /// Content hashes of further sources that must be decoded again.
    pub outdated: HashSet<String>,
}

/// What an update finds in the catalog.
pub struct FoundChanges<'a> {
    /// The rows of the found files, where the files are now.
    pub index: SourceIndex<'a>,
    pub changes: FileChanges,
    /// Whether rows of the catalog are out of date.
    pub is_outdated: bool,
    /// Content hashes of found files that must be decoded again.
    ///
    /// Their sidecar changed, or the keyword rules now have another result.
    pub outdated: HashSet<String>,
}

impl<'a> SourceUpdate<'a> {
    /// The update for the files that a run found. Sources of another config are outdated.
    pub fn new(
        files: &'a SourceFiles,
        config_key: &'a Key,
        rules: &'a MetadataRules,
        retry: &'a [Reason],
    ) -> Self {
        Self { files, config_key, rules, retry, outdated: HashSet::new() }
    }

    /// Looks what happened to the files of all rows; changes nothing.
    pub fn look(&self, root: &Utf8Path) -> Result<FoundChanges<'a>> {
        let look = |before: Vec<SourceRow>| {
            let (rows, changes) = self.follow(&before);
            let mut after = rows.clone();
            for row in &mut after {
                self.refresh(row);
            }
            sort_sources(&mut after);
            let is_outdated = after != before || rows.iter().any(|row| self.matches(row));
            let outdated = rows.iter().filter(|row| self.is_changed(row));
            let outdated: Vec<String> = outdated.map(|row| row.source_id.clone()).collect();
            (rows, (changes, is_outdated, outdated))
        };
        let (index, parts) = SourceIndex::read_with(root, self.files, look)?;
        let (mut changes, mut is_outdated) = (FileChanges::default(), false);
        let mut outdated = HashSet::new();
        for (of_part, is_part_outdated, outdated_of_part) in parts {
            changes = changes.merge(of_part);
            is_outdated |= is_part_outdated;
            outdated.extend(outdated_of_part);
        }
        Ok(FoundChanges { index, changes, is_outdated, outdated })
    }

    /// Updates the rows of a part of the catalog.
    ///
    /// Rows follow their files. Outdated sources go with their clips. Sources of the same config
    /// keep their splits.
    pub fn edit(&self, rows: &[SourceRow]) -> EditedSources {
        let (mut rows, _) = self.follow(rows);
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

    /// Whether the sidecar of a source changed, or the keyword rules now have another result.
    fn is_changed(&self, row: &SourceRow) -> bool {
        let Some(file) = self.file_of(row).filter(|_| is_decided(row)) else { return false };
        let was_rejected = row.reason.as_deref() == Some(Reason::Metadata.code());
        let other_rules = || *row.metadata_key != *file.metadata_key;
        let other_outcome = || {
            let verdict = metadata::check(&file.path, self.rules);
            verdict.reject.is_some() != was_rejected
                || verdict.note.is_some() != metadata::is_noted(row)
        };
        *row.ingest_key != *file.key || (other_rules() && other_outcome())
    }

    /// Stores the current metadata key of the file of a row.
    fn refresh(&self, row: &mut SourceRow) {
        if let Some(file) = self.file_of(row) {
            (*file.metadata_key).clone_into(&mut row.metadata_key);
        }
    }

    /// Updates rows to the files that were found.
    fn follow(&self, rows: &[SourceRow]) -> (Vec<SourceRow>, FileChanges) {
        FileFollower { files: self.files, config_key: self.config_key }.follow(rows)
    }

    /// The found file with the path and the content of a row.
    fn file_of(&self, row: &SourceRow) -> Option<&'a SourceFile> {
        self.files.number_of(row).map(|number| &self.files.all()[number])
    }
}
