//! The search for near pairs: a join of some clips with all clips of the catalog, as a stream.
//!
//! The clips that are searched for are indexed, a block of them at a time. All clips stream past
//! the index. So the memory does not depend on the number of clips.
//!
//! Moments that very many clips share, such as a title, would make the search slow. So of a common
//! hash, only the pairs with one of its best clips count. The clips with each hash are counted
//! while they stream. If a hash is common, they stream a second time for its best clips, and a
//! third time for the pairs.
//!
//! Some hashes are more probable than others: of a million clips, 5,000 may have one by chance. So
//! the limit for common hashes grows with the number of clips, when that number has doubled.
//!
//! New clips can change for which old pairs this is true. That is rare, and then the search must be
//! repeated for all clips. So the pairs are a function of the rows alone.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use anyhow::Result;
use camino::Utf8Path;

use super::counts::HashCounts;
use super::hashes::MomentHasher;
use super::index::MomentIndex;
use super::pass::{FoundPairs, HashRule, Hubs, Pass};
use super::queries::{Qualities, Query, likeness};
use crate::catalog::partitions::{CatalogUnit, key_of};

/// A hash of at most this many clips is not common.
const COMMON: u32 = 1024;

/// A hash of at most one in this many clips is not common, either.
const SHARE: u64 = 64;

/// Number of moments of a block for each MiB of memory.
///
/// A moment takes about 580 bytes: its postings, their share of the index, counts and the clip.
const MOMENTS_PER_MB: usize = 1000;

/// The clips of a catalog, and which of them are searched for.
pub struct PairSearch<'a> {
    pub root: &'a Utf8Path,
    pub units: &'a [CatalogUnit],
    /// Ids of sources whose clips are no longer in the catalog.
    pub dropped: &'a HashSet<String>,
    /// Memory for the index, in MiB.
    pub memory_mb: u64,
    /// A hash of at most this many clips is not common.
    pub common: u32,
}

impl<'a> PairSearch<'a> {
    /// A search with the usual limits.
    pub fn new(
        root: &'a Utf8Path,
        units: &'a [CatalogUnit],
        dropped: &'a HashSet<String>,
        memory_mb: u64,
    ) -> Self {
        Self { root, units, dropped, memory_mb, common: COMMON }
    }

    /// The near pairs of new clips with all clips.
    ///
    /// `touched` are the numbers of the units that have new clips or dropped sources. Returns
    /// `None` if the pairs of other clips may be others now: then call [`Self::all`].
    pub fn new_clips(&self, touched: &[usize]) -> Result<Option<FoundPairs>> {
        let [before, after] = self.limits()?;
        if before == after { self.search(touched, after, false) } else { Ok(None) }
    }

    /// All near pairs of the catalog.
    pub fn all(&self) -> Result<FoundPairs> {
        let units: Vec<usize> = (0..self.units.len()).collect();
        let [_, limit] = self.limits()?;
        Ok(self.search(&units, limit, true)?.unwrap_or_default())
    }

    /// The number of clips above which a hash is common, before and after the change.
    fn limits(&self) -> Result<[u32; 2]> {
        let (mut before, mut after) = (0, 0);
        let dropped: BTreeSet<u64> = self.dropped.iter().map(|id| key_of(id)).collect();
        let mut seen = HashSet::new();
        for unit in self.units {
            // Several units may have rows of one file.
            for (entry, is_fresh) in unit.clip_files().filter(|(entry, _)| seen.insert(&entry.file))
            {
                before += if is_fresh { 0 } else { entry.rows };
                after += entry.rows;
            }
            if dropped.range(unit.prefix.range()).next().is_some() {
                unit.prints(self.root, &mut |print, _| {
                    after -= u64::from(self.dropped.contains(print.source_id));
                })?;
            }
        }
        Ok([before, after].map(|clips: u64| {
            let share = clips.next_power_of_two() / SHARE;
            u32::try_from(share).unwrap_or(u32::MAX).max(self.common)
        }))
    }

    fn search(&self, touched: &[usize], limit: u32, all: bool) -> Result<Option<FoundPairs>> {
        let hasher = MomentHasher::new();
        let budget = usize::try_from(self.memory_mb).unwrap_or(usize::MAX);
        let budget = budget.saturating_mul(MOMENTS_PER_MB).min(MomentIndex::MOST_MOMENTS / 2);
        let (mut found, mut hubs) = (FoundPairs::default(), Hubs::new());
        let (mut queries, mut moments, mut first) = (Vec::new(), 0, 0);
        for (number, &unit) in touched.iter().enumerate() {
            let before = queries.len();
            self.collect(&self.units[unit], all, &mut queries)?;
            let added = queries[before..].iter().map(|query| query.likeness.moments().len());
            moments += added.sum::<usize>();
            let is_last = number + 1 == touched.len();
            if moments == 0 || (moments < budget && !is_last) {
                continue;
            }
            moments = 0;
            let (units, queries) = (first..unit + 1, std::mem::take(&mut queries));
            first = unit + 1;
            let Some(part) = self.block(&hasher, queries, units, limit, all, &mut hubs)? else {
                return Ok(None);
            };
            found.pairs.extend(part.pairs);
            found.skipped += part.skipped;
        }
        found.pairs.sort();
        found.pairs.dedup();
        Ok(Some(found))
    }

    /// Adds the queries of a unit: its new clips and the dropped ones, or all that stay.
    fn collect(&self, unit: &CatalogUnit, all: bool, queries: &mut Vec<Query>) -> Result<()> {
        let qualities = Qualities::read(self.root, unit)?;
        unit.prints(self.root, &mut |print, is_fresh| {
            let is_dropped = self.dropped.contains(print.source_id);
            let is_wanted = if all { !is_dropped } else { is_fresh != is_dropped };
            if is_wanted && let Some(likeness) = likeness(&print) {
                queries.push(Query { clip: qualities.paired(&print), likeness, is_dropped });
            }
        })
    }

    /// The pairs of a block of queries with all clips; `None` as in [`Self::new_clips`].
    ///
    /// If all clips are searched for, pairs with clips of earlier blocks are left out. `hubs` has
    /// the common hashes of earlier blocks, and gets those of this one.
    fn block(
        &self,
        hasher: &MomentHasher,
        queries: Vec<Query>,
        block: Range<usize>,
        limit: u32,
        all: bool,
        hubs: &mut Hubs,
    ) -> Result<Option<FoundPairs>> {
        let index = MomentIndex::new(hasher, queries.iter().map(|query| &query.likeness));
        let counts = HashCounts::new(index.len(), limit);
        let common: Vec<u32> = hubs.keys().copied().collect();
        for (_, places) in index.find(&common) {
            counts.set_common(places.start);
        }
        let Self { root, units, dropped, .. } = *self;
        let pass = Pass { root, units, dropped, all, hasher, queries, index, block };
        let rule = HashRule { counts: &counts, is_counting: true, hubs };
        let found = pass.pairs(rule)?;
        let mut new = HashSet::new();
        for place in 0..u32::try_from(pass.index.len()).unwrap_or(u32::MAX) {
            let [before, after] = counts.is_common(place);
            if before != after && !all {
                return Ok(None);
            }
            if after && !hubs.contains_key(&pass.index.hash_at(place)) {
                new.insert(place);
            }
        }
        if new.is_empty() {
            return Ok(Some(found));
        }
        let Some(found) = pass.hubs(&new)? else { return Ok(None) };
        hubs.extend(found);
        Ok(Some(pass.pairs(HashRule { counts: &counts, is_counting: false, hubs })?))
    }
}
