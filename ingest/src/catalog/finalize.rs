//! Finalizing the catalog: decisions at the end of a run that concern the whole dataset.
//!
//! The finalizer decides:
//! - which clips are kept ([`verdict`], [`super::near_duplicates`]);
//! - what this means for their sources ([`conclude`]);
//! - the splits of new sources ([`split`]).
//!
//! It removes sources that newer contents replaced ([`super::follow`]), and pending rows.
//!
//! Each change is a [`revision`]: one commit, which writes only the partitions that change. After
//! it, the verdict on all rows in partitions is that of the rules. So the state of a dataset does
//! not depend on where a run was killed. It depends on earlier runs in two things: sources whose
//! files were deleted stay, and splits stay ([`former_splits`] has those of replaced sources).
//!
//! The file `catalog/settled` names the rules, and the files to which they were applied. While all
//! of them stay the same, the finalizer reads no rows.

mod conclude;
mod forget;
mod former_splits;
mod mark;
mod pairs;
mod revision;
mod split;
mod survey;
mod verdict;

use std::collections::HashSet;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{Manifest, SourceRow, scan_outcomes, tables};
use genie_stage::key::Key;

use super::follow::FileChanges;
use super::partitions::Partitioning;
use super::row_kinds::{is_decided, is_pending};
use super::source_index::find_sources;
use crate::reject::Reason;
pub use forget::forget_files;
pub use former_splits::FormerSplits;
use mark::FinalizedMark;
use revision::{Reviser, Revision};
pub use split::split_of;
pub use survey::{EditedSources, SourceEdit};
pub use verdict::KeepRules;

/// Version of the decisions of the finalizer.
const CODE_FORMAT: u32 = 3;

/// What finalizing the catalog did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finalized {
    Unchanged,
    Changed,
    /// Some clips pass the rules now, and their sources must be decoded again for it.
    Restorable,
}

/// Finalizes the catalog of a dataset root.
pub struct Finalizer<'a> {
    reviser: Reviser<'a>,
    held_out: f64,
    key: Key,
}

impl<'a> Finalizer<'a> {
    /// A finalizer with the given rules and share of held-out sources.
    ///
    /// `memory_mb` is the memory for the search for near-duplicates, in MiB.
    pub fn new(
        root: &'a Utf8Path,
        held_out: f64,
        rules: &'a KeepRules,
        partitioning: Partitioning,
        memory_mb: u64,
    ) -> Self {
        // "settle" is an old name. It stays, because another name would change the key.
        let key = Key::builder("settle", CODE_FORMAT).config(&rules.keyed());
        let key = key.input("partition_rows", partitioning.rows).finish();
        let reviser = Reviser { root, rules, partitioning, memory_mb };
        Self { reviser, held_out, key }
    }

    /// Whether the current catalog is finalized with these rules.
    pub fn is_finalized(&self) -> Result<bool> {
        let manifest = Manifest::load(self.reviser.root)?;
        Ok(FinalizedMark::read(self.reviser.root)?.is_finalized(&self.key, &manifest))
    }

    /// Applies the rules to all rows, and folds new rows into their partitions.
    ///
    /// It decides no splits, because sources may be missing that a stopped run did not decode yet.
    pub fn judge(&self) -> Result<()> {
        self.update(&EditedSources::same)
    }

    /// Changes source rows, and then does the same as [`Self::judge`].
    pub fn update(&self, edit: &SourceEdit<'_>) -> Result<()> {
        self.revise(edit, None)
    }

    /// The ids of sources with a clip that passes the rules and is in no shard.
    ///
    /// The clip was rejected when its source was decoded. Only sources for which `is_asked` is true
    /// count.
    pub fn gone(&self, is_asked: &dyn Fn(&str) -> bool) -> Result<HashSet<String>> {
        let root = self.reviser.root;
        let mut gone = HashSet::new();
        for entry in Manifest::load(root)?.table(tables::CLIP_ROWS) {
            scan_outcomes(root, entry, &mut |clip| {
                if clip.reason == Some(Reason::Gone.code()) && is_asked(clip.source_id) {
                    gone.insert(clip.source_id.to_owned());
                }
            })?;
        }
        Ok(gone)
    }

    /// Finalizes the catalog.
    ///
    /// `changes` says which sources are replaced. A source stays until ingest knows what became of
    /// the content that replaces it. `can_restore` says which sources can be decoded again.
    pub fn finalize(
        &self,
        changes: &FileChanges,
        can_restore: &dyn Fn(&str) -> bool,
    ) -> Result<Finalized> {
        let finalized = self.is_finalized()?;
        let gone = self.replaced(changes)?;
        if finalized && gone.is_empty() {
            return Ok(Finalized::Unchanged);
        }
        if !gone.is_empty() {
            FormerSplits::remember(self.reviser.root, &gone)?;
        }
        let stays = |row: &SourceRow| {
            let waits = changes.replaced.contains_key(&row.source_id);
            !gone.contains(&row.source_id) && (!is_pending(row) || waits)
        };
        let edit = |mut rows: Vec<SourceRow>| {
            let of_gone = rows.iter().filter(|row| gone.contains(&row.source_id));
            let dropped = of_gone.map(|row| row.source_id.clone()).collect();
            rows.retain(stays);
            EditedSources { rows, dropped }
        };
        self.revise(&edit, Some(self.held_out))?;
        if !self.gone(can_restore)?.is_empty() {
            return Ok(Finalized::Restorable);
        }
        let manifest = Manifest::load(self.reviser.root)?;
        FinalizedMark::of(&self.key, &manifest, true).write(self.reviser.root)?;
        Ok(Finalized::Changed)
    }

    fn revise(&self, edit: &SourceEdit<'_>, held_out: Option<f64>) -> Result<()> {
        let root = self.reviser.root;
        let mark = FinalizedMark::read(root)?;
        let all = !mark.is_judged(&self.key, &Manifest::load(root)?);
        let new_pairs = !mark.has_pairs();
        self.reviser.revise(&Revision { all, new_pairs, edit, held_out })?;
        FinalizedMark::of(&self.key, &Manifest::load(root)?, false).write(root)
    }

    /// The replaced sources whose replacement has a reliable row: their content hashes.
    ///
    /// A row is not reliable if another run may find something else, for example after a timeout.
    /// Nor is it if the file is no video now: it may be a copy in progress.
    fn replaced(&self, changes: &FileChanges) -> Result<HashSet<String>> {
        if changes.replaced.is_empty() {
            return Ok(HashSet::new());
        }
        let new: HashSet<&String> = changes.replaced.values().flatten().collect();
        let rows = find_sources(self.reviser.root, |row| new.contains(&row.source_id))?;
        Ok(replaced(changes, &rows))
    }
}

/// The replaced sources for which `sources` has a reliable row of the content that replaces them.
fn replaced(changes: &FileChanges, sources: &[SourceRow]) -> HashSet<String> {
    let waits = |code: &str| Reason::code_taints(code) || Reason::code_is_no_video(code);
    let taints = |row: &SourceRow| row.reason.as_deref().is_some_and(waits);
    let reliable: HashSet<&str> = (sources.iter())
        .filter(|row| is_decided(row) && !taints(row))
        .map(|row| row.source_id.as_str())
        .collect();
    let is_gone = |by: &[String]| by.iter().any(|id| reliable.contains(id.as_str()));
    let gone = changes.replaced.iter().filter(|(_, by)| is_gone(by));
    gone.map(|(id, _)| id.clone()).collect()
}

#[cfg(test)]
mod tests;
