//! A revision of the catalog: rows change, the verdict follows, and one commit publishes it all.
//!
//! New rows are folded into their partitions. Only partitions whose rows change are written. The
//! catalog is read in units, so the memory does not depend on its size.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{ClipPlacement, ClipRow, Manifest, ShardChanges, SourceChange, Split};
use rayon::prelude::*;

use super::conclude::conclude;
use super::pairs::{OpenClips, PairChange};
use super::split::{KeptSource, SplitSurvey};
use super::survey::{SourceEdit, Survey};
use super::verdict::KeepRules;
use crate::catalog::near_duplicates::originals;
use crate::catalog::partitions::{
    CatalogLayout, CatalogRows, CatalogUnit, KeyPrefix, PartitionFiles, Partitioning, Partitions,
    divide_large, key_of, merge, units,
};
use crate::catalog::publish::publish_catalog;
use crate::catalog::row_kinds::is_decided;

/// Revises the catalog of a dataset root.
#[derive(Clone, Copy)]
pub struct Reviser<'a> {
    pub root: &'a Utf8Path,
    pub rules: &'a KeepRules,
    pub partitioning: Partitioning,
    /// Memory for the search for near-duplicates, in MiB.
    pub memory_mb: u64,
}

/// What a revision changes.
pub struct Revision<'a> {
    /// Whether the verdict on all clips is decided again, not only on those that may change.
    pub all: bool,
    /// Whether all clips are compared again, because the stored pairs are out of date.
    pub new_pairs: bool,
    pub edit: &'a SourceEdit<'a>,
    /// The share of held-out sources, if the splits of new sources are decided.
    pub held_out: Option<f64>,
}

/// The decisions about clips that are the same for all units.
struct Decisions<'a> {
    revision: &'a Revision<'a>,
    rules: &'a KeepRules,
    pairs: PairChange<'a>,
    /// Whether every clip has a new decision about near-duplicates.
    all: bool,
    /// The clips that have a new decision, with their originals.
    originals: HashMap<String, Option<String>>,
    /// New splits of sources, once the splits are decided. Other sources have those of their clips.
    splits: Option<HashMap<String, Split>>,
}

/// The partitions that a unit is written to, and what its change means for the shards.
///
/// `None` if the unit stays as it is.
type WrittenUnit = Option<(Vec<(KeyPrefix, PartitionFiles)>, ShardChanges)>;

/// The rows of a unit before and after.
struct RevisedUnit {
    before: CatalogRows,
    after: CatalogRows,
}

impl Reviser<'_> {
    /// Revises the catalog. Returns whether it changed.
    pub fn revise(&self, revision: &Revision<'_>) -> Result<bool> {
        let (root, limit) = (self.root, self.partitioning.rows);
        divide_large(root, limit)?;
        let layout = CatalogLayout::of(&Manifest::load(root)?);
        let survey = Survey::of(root, units(root, &layout, limit)?, revision.edit)?;
        let pairs = PairChange::search(root, &survey, self.memory_mb, revision.new_pairs)?;
        if pairs.skipped > 0 {
            tracing::info!(
                "ingest: left out {} comparisons of clips, because too many clips share a moment",
                pairs.skipped
            );
        }
        let all = revision.all || pairs.is_reset();
        let undecided = match revision.held_out {
            Some(_) => self.undecided_clips(&survey)?,
            None => HashSet::new(),
        };
        let open = pairs.open_clips(root, &layout, undecided, all)?;
        let originals = self.originals(&survey, &open, revision)?;
        let (rules, splits) = (self.rules, None);
        let mut decisions = Decisions { revision, rules, pairs, all, originals, splits };
        let members: BTreeSet<u64> = open.sources().into_values().map(key_of).collect();
        let is_candidate = |number: usize| {
            let prefix = survey.units[number].prefix;
            let has_member = || members.range(prefix.range()).next().is_some();
            let is_undecided = revision.held_out.is_some() && survey.undecided.contains(&number);
            all || survey.is_changed[number] || is_undecided || has_member()
        };
        let candidates: Vec<bool> = (0..survey.units.len()).map(is_candidate).collect();
        if let Some(held_out) = revision.held_out {
            let found = self.survey_splits(&survey, &candidates, &decisions, &open.sources())?;
            decisions.splits = Some(found.decide(held_out));
        }
        drop(open);
        self.publish(&layout, &survey, &candidates, &decisions)
    }

    /// The ids of the clips of sources that have kept clips and no split.
    fn undecided_clips(&self, survey: &Survey) -> Result<HashSet<String>> {
        let mut clips = HashSet::new();
        for &number in &survey.undecided {
            let unit = &survey.units[number];
            let mut sources = unit.sources(self.root)?;
            sources.retain(|row| is_decided(row) && row.split.is_none() && row.clips_kept > 0);
            let ids: HashSet<&str> = sources.iter().map(|row| row.source_id.as_str()).collect();
            unit.prints(self.root, &mut |print, _| {
                if ids.contains(print.source_id) {
                    clips.insert(print.clip_id.to_owned());
                }
            })?;
        }
        Ok(clips)
    }

    /// Decides which of the open clips are near-duplicates.
    fn originals(
        &self,
        survey: &Survey,
        open: &OpenClips,
        revision: &Revision<'_>,
    ) -> Result<HashMap<String, Option<String>>> {
        let sources = open.sources();
        let keys: BTreeSet<u64> = sources.values().map(|id| key_of(id)).collect();
        let wanted = |unit: &CatalogUnit| -> Result<HashSet<String>> {
            if keys.range(unit.prefix.range()).next().is_none() {
                return Ok(HashSet::new());
            }
            let CatalogRows { mut clips, fresh, .. } = unit.rows(self.root)?;
            let is_open = |row: &ClipRow| revision.all || fresh.contains(&row.meta.clip_id);
            let wanted = self.rules.wanted(&mut clips, is_open)?;
            let members = wanted.into_iter().filter(|id| sources.contains_key(id));
            Ok(members.map(str::to_owned).collect())
        };
        let parts: Vec<HashSet<String>> =
            survey.units.par_iter().map(wanted).collect::<Result<_>>()?;
        let wanted: HashSet<String> = parts.into_iter().flatten().collect();
        let mut found = originals(&open.pairs, |id| wanted.contains(id));
        for clip in open.freed.keys() {
            found.entry(clip.clone()).or_default();
        }
        Ok(found)
    }

    /// What the splits of new sources depend on.
    fn survey_splits(
        &self,
        survey: &Survey,
        candidates: &[bool],
        decisions: &Decisions<'_>,
        sources: &HashMap<&str, &str>,
    ) -> Result<SplitSurvey> {
        let of_unit = |(unit, &is_candidate): (&CatalogUnit, &bool)| -> Result<SplitSurvey> {
            let mut found = SplitSurvey::default();
            if !is_candidate {
                let kept = unit.sources(self.root)?;
                for row in kept.iter().filter(|row| is_decided(row) && row.clips_kept > 0) {
                    found.kept.extend(row.split.map(KeptSource::Decided));
                }
                return Ok(found);
            }
            let CatalogRows { sources: rows, clips, .. } = decisions.revise(unit, self.root)?.after;
            found.add(&rows, &clips, sources);
            Ok(found)
        };
        let units = survey.units.par_iter().zip(candidates);
        let merge = |one: SplitSurvey, other| Ok(one.merge(other));
        units.map(of_unit).try_reduce(SplitSurvey::default, merge)
    }

    /// Writes the units that changed, and publishes them.
    fn publish(
        &self,
        layout: &CatalogLayout,
        survey: &Survey,
        candidates: &[bool],
        decisions: &Decisions<'_>,
    ) -> Result<bool> {
        let mut units_of: HashMap<KeyPrefix, usize> = HashMap::new();
        for unit in &survey.units {
            *units_of.entry(unit.home()).or_default() += 1;
        }
        let write = |(unit, &is_candidate): (&CatalogUnit, &bool)| -> Result<WrittenUnit> {
            // The other units of the same partition are written, so this one must be, too.
            let is_divided = units_of[&unit.home()] > 1;
            if !is_candidate && !is_divided {
                return Ok(None);
            }
            let RevisedUnit { before, after } = decisions.revise(unit, self.root)?;
            let is_large = unit.partition_rows() > self.partitioning.rows && decisions.all;
            if !unit.is_fresh() && !is_divided && !is_large && before == after {
                return Ok(None);
            }
            let changes = shard_changes(&before, &after);
            Ok(Some((after.write(self.root, unit.prefix, self.partitioning.rows)?, changes)))
        };
        let units = survey.units.par_iter().zip(candidates);
        let written: Vec<WrittenUnit> = units.map(write).collect::<Result<_>>()?;
        let mut partitions: Partitions = layout.partitions.clone();
        let mut changes = ShardChanges::new();
        for (unit, written) in survey.units.iter().zip(&written) {
            if let (Some(_), Some((prefix, _))) = (written, &unit.partition) {
                partitions.remove(prefix);
            }
        }
        for (files, shards) in written.into_iter().flatten() {
            partitions.extend(files);
            changes.extend(shards);
        }
        let partitions = merge(self.root, partitions, self.partitioning.rows)?;
        if partitions == layout.partitions && layout.is_folded() {
            return Ok(false);
        }
        publish_catalog(self.root, &partitions, &changes)?;
        Ok(true)
    }
}

impl Decisions<'_> {
    /// Applies the decisions to the rows of a unit.
    fn revise(&self, unit: &CatalogUnit, root: &Utf8Path) -> Result<RevisedUnit> {
        let before = unit.rows(root)?;
        let mut after = before.clone();
        after.fresh.clear();
        let edited = (self.revision.edit)(std::mem::take(&mut after.sources));
        after.sources = edited.rows;
        after.clips.retain(|row| !edited.dropped.contains(&row.meta.source_id));
        self.pairs.apply(unit.prefix, &mut after.pairs);
        let is_open = |row: &ClipRow| self.revision.all || before.fresh.contains(&row.meta.clip_id);
        let original_of = |id: &str| match self.originals.get(id) {
            Some(original) => Some(original.clone()),
            None => self.all.then_some(None),
        };
        self.rules.apply(&mut after.clips, is_open, original_of)?;
        self.place(&mut after);
        conclude(&mut after.sources, &after.clips);
        after.sort();
        Ok(RevisedUnit { before: CatalogRows { fresh: HashSet::new(), ..before }, after })
    }

    /// Copies paths and splits from the rows of sources to the rows of clips, and new splits back.
    fn place(&self, rows: &mut CatalogRows) {
        let CatalogRows { sources, clips, .. } = rows;
        let mut kept = HashMap::new();
        let places = sources.iter().filter(|row| is_decided(row)).map(|row| {
            let moved = || self.splits.as_ref()?.get(&row.source_id).copied();
            let split = row.split.or_else(moved);
            (row.source_id.as_str(), (row.source_path.as_str(), split))
        });
        let places: HashMap<&str, _> = places.collect();
        for row in clips.iter_mut() {
            let meta = &mut row.meta;
            if let Some((path, split)) = places.get(meta.source_id.as_str()) {
                (*path).clone_into(&mut meta.source_path);
                meta.split = split.unwrap_or(meta.split);
            }
            if row.kept {
                kept.insert(row.meta.source_id.clone(), row.meta.split);
            }
        }
        if self.splits.is_some() {
            for row in sources.iter_mut().filter(|row| is_decided(row)) {
                row.split = row.split.or_else(|| kept.get(&row.source_id).copied());
            }
        }
    }
}

/// What a change of clip rows means for the shards.
fn shard_changes(before: &CatalogRows, after: &CatalogRows) -> ShardChanges {
    let kept: HashMap<&str, &ClipRow> = (after.clips.iter().filter(|row| row.kept))
        .map(|row| (row.meta.clip_id.as_str(), row))
        .collect();
    let mut changes = ShardChanges::new();
    for clips in before.clips.chunk_by(|a, b| a.meta.source_id == b.meta.source_id) {
        let (mut dropped, mut placement, mut is_moved) = (HashSet::new(), None, false);
        for old in clips.iter().filter(|row| row.kept) {
            let Some(new) = kept.get(old.meta.clip_id.as_str()) else {
                dropped.insert(old.meta.clip_id.clone());
                continue;
            };
            let (old, new) = (&old.meta, &new.meta);
            is_moved |= (old.split, &old.source_path) != (new.split, &new.source_path);
            let (split, source_path) = (new.split, new.source_path.clone());
            placement = Some(ClipPlacement { split, source_path });
        }
        let change = match placement {
            Some(placement) if is_moved || !dropped.is_empty() => {
                SourceChange::Changed { dropped, placement }
            }
            None if !dropped.is_empty() => SourceChange::Dropped,
            _ => continue,
        };
        changes.insert(clips[0].meta.source_id.clone(), change);
    }
    changes
}
