//! The search for near pairs: a join of some clips with all clips of the catalog, as a stream.
//!
//! The clips that are searched for are indexed, a block of them at a time. All clips stream past
//! the index. So the memory does not depend on the number of clips.
//!
//! Moments that thousands of clips share, such as a title, would make the search slow. So of a hash
//! that more than [`COMMON`] clips have, only the pairs with one of its best clips count. The clips
//! with each hash are counted while they stream. If a hash is common, they stream a second time for
//! its best clips, and a third time for the pairs.
//!
//! New clips can change for which old pairs this is true. That is rare, and then the search must be
//! repeated for all clips. So the pairs are a function of the rows alone.

use std::collections::HashSet;
use std::ops::Range;

use anyhow::Result;
use camino::Utf8Path;

use super::counts::HashCounts;
use super::hashes::MomentHasher;
use super::index::MomentIndex;
use super::pass::{FoundPairs, HashRule, Hubs, Pass};
use super::queries::{Qualities, Query, likeness};
use crate::catalog::partitions::CatalogUnit;

/// Number of clips with a hash from which on it counts as common.
const COMMON: u16 = 1000;

/// Number of moments of a block for each MiB of memory: half of it.
///
/// A moment takes about 500 bytes: its postings, their share of the index, counts and the clip.
const MOMENTS_PER_MB: usize = 1000;

/// The clips of a catalog, and which of them are searched for.
pub struct PairSearch<'a> {
    pub root: &'a Utf8Path,
    pub units: &'a [CatalogUnit],
    /// Ids of sources whose clips are no longer in the catalog.
    pub dropped: &'a HashSet<String>,
    /// Memory for the index, in MiB.
    pub memory_mb: u64,
    /// Number of clips with a hash from which on it counts as common.
    pub common: u16,
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
        self.search(touched, false)
    }

    /// All near pairs of the catalog.
    pub fn all(&self) -> Result<FoundPairs> {
        let units: Vec<usize> = (0..self.units.len()).collect();
        Ok(self.search(&units, true)?.unwrap_or_default())
    }

    fn search(&self, touched: &[usize], all: bool) -> Result<Option<FoundPairs>> {
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
            let Some(part) = self.block(&hasher, queries, units, all, &mut hubs)? else {
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
        all: bool,
        hubs: &mut Hubs,
    ) -> Result<Option<FoundPairs>> {
        let index = MomentIndex::new(hasher, queries.iter().map(|query| &query.likeness));
        let counts = HashCounts::new(index.len(), self.common);
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
