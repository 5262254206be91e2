//! One pass of the catalog's clips past a block of clips that are searched for.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{NearPair, PairedClip};
use rayon::prelude::*;

use super::counts::HashCounts;
use super::hashes::MomentHasher;
use super::index::MomentIndex;
use super::queries::{Qualities, Query, likeness};
use super::stream::StreamedClip;
use crate::catalog::partitions::CatalogUnit;

/// Number of clips with a common hash that are compared with all clips that have it.
const HUBS: usize = 64;

/// Common hashes, and the ids of the best clips of each.
pub type Hubs = HashMap<u32, HashSet<String>>;

/// The best clips of common hashes, by the hash's first posting; each with whether it is touched.
type Best = HashMap<u32, BTreeSet<(PairedClip, bool)>>;

/// The result of a search.
#[derive(Debug, Default, PartialEq)]
pub struct FoundPairs {
    /// Sorted.
    pub pairs: Vec<NearPair>,
    /// Number of comparisons that were left out because of common hashes.
    pub skipped: u64,
}

/// Which pairs of moments with the same hash count.
#[derive(Clone, Copy)]
pub struct HashRule<'a> {
    pub counts: &'a HashCounts,
    /// Whether the clips are counted while they stream.
    pub is_counting: bool,
    /// Of a common hash, only pairs with one of its best clips count; none, if these are unknown.
    pub hubs: &'a Hubs,
}

/// Some clips that are searched for, and the clips that stream past them.
pub struct Pass<'a> {
    pub root: &'a Utf8Path,
    pub units: &'a [CatalogUnit],
    /// Ids of sources whose clips are no longer in the catalog.
    pub dropped: &'a HashSet<String>,
    /// Whether all clips are searched for, in the order of the units.
    pub all: bool,
    pub hasher: &'a MomentHasher,
    pub queries: Vec<Query>,
    /// The index of the queries.
    pub index: MomentIndex,
    /// Numbers of the units with the queries, if all clips are searched for.
    pub block: Range<usize>,
}

impl Pass<'_> {
    /// The pairs of the queries with the clips that stream past them.
    pub fn pairs(&self, rule: HashRule<'_>) -> Result<FoundPairs> {
        let pairs_with = |number| self.pairs_with(number, rule);
        let parts: Vec<FoundPairs> =
            self.streamed().into_par_iter().map(pairs_with).collect::<Result<_>>()?;
        let skipped = parts.iter().map(|part| part.skipped).sum();
        let pairs = parts.into_iter().flat_map(|part| part.pairs).collect();
        Ok(FoundPairs { pairs, skipped })
    }

    /// Numbers of the units whose clips stream past the queries.
    ///
    /// If all clips are searched for, the earlier units were streamed past by these queries.
    fn streamed(&self) -> Range<usize> {
        let first = if self.all { self.block.start } else { 0 };
        first..self.units.len()
    }

    fn pairs_with(&self, number: usize, rule: HashRule<'_>) -> Result<FoundPairs> {
        let unit = &self.units[number];
        let mut found = FoundPairs::default();
        let mut qualities = None;
        let mut failure = None;
        let mut seen = vec![0_u8; 2 * self.queries.len()];
        unit.prints(self.root, &mut |print, is_fresh| {
            let Some(clip) = StreamedClip::new(self.hasher, &self.index, &print) else { return };
            let is_dropped = self.dropped.contains(print.source_id);
            if rule.is_counting {
                for place in clip.places() {
                    rule.counts.add(place, !self.all && !is_fresh, !is_dropped);
                }
            }
            if is_dropped {
                return;
            }
            let counts = |place: u32, query: u32| {
                rule.counts.is_common(place) == [false, false] || {
                    let query = &self.queries[query as usize].clip.clip_id;
                    let hubs = rule.hubs.get(&self.index.hash_at(place));
                    hubs.is_some_and(|hubs| hubs.contains(query) || hubs.contains(print.clip_id))
                }
            };
            let candidates = clip.candidates(&self.index, counts, &mut seen, &mut found.skipped);
            if candidates.is_empty() {
                return;
            }
            if qualities.is_none() {
                match Qualities::read(self.root, unit) {
                    Ok(read) => qualities = Some(read),
                    Err(error) => failure = Some(error),
                }
            }
            let (Some(qualities), Some(ours)) = (&qualities, likeness(&print)) else { return };
            let ours = (qualities.paired(&print), ours);
            let is_query = if self.all { self.block.contains(&number) } else { is_fresh };
            for (query, is_mirrored) in candidates {
                let query = &self.queries[query as usize];
                // Both clips of a pair may be searched for.
                let is_later = is_query && query.clip.clip_id >= ours.0.clip_id;
                let is_same = query.clip.source_id == ours.0.source_id;
                if !query.is_dropped && !is_later && !is_same {
                    found.pairs.extend(query.pair(is_mirrored, &ours));
                }
            }
        })?;
        failure.map_or(Ok(found), Err)
    }

    /// The best clips of common hashes, which are named by the places of their first postings.
    ///
    /// Returns `None` if a new or dropped clip is one of them and not all clips are searched for.
    pub fn hubs(&self, places: &HashSet<u32>) -> Result<Option<Hubs>> {
        let of_unit = |number: usize| self.best_of(&self.units[number], places);
        let merge = |mut one: Best, other: Best| {
            for (place, clips) in other {
                for clip in clips {
                    add(&mut one, place, clip);
                }
            }
            Ok(one)
        };
        let units = self.streamed().into_par_iter();
        let best = units.map(of_unit).try_reduce(Best::new, merge)?;
        if !self.all && best.values().flatten().any(|(_, is_touched)| *is_touched) {
            return Ok(None);
        }
        let ids = |(place, clips): (u32, BTreeSet<(PairedClip, bool)>)| {
            let ids = clips.into_iter().map(|(clip, _)| clip.clip_id);
            (self.index.hash_at(place), ids.collect())
        };
        Ok(Some(best.into_iter().map(ids).collect()))
    }

    fn best_of(&self, unit: &CatalogUnit, places: &HashSet<u32>) -> Result<Best> {
        let qualities = Qualities::read(self.root, unit)?;
        let mut best = Best::new();
        unit.prints(self.root, &mut |print, is_fresh| {
            let is_dropped = self.dropped.contains(print.source_id);
            if self.all && is_dropped {
                return;
            }
            let Some(clip) = StreamedClip::new(self.hasher, &self.index, &print) else { return };
            for place in clip.places() {
                if places.contains(&place) {
                    add(&mut best, place, (qualities.paired(&print), is_fresh || is_dropped));
                }
            }
        })?;
        Ok(best)
    }
}

/// Adds a clip that has a common hash, if it is one of the best.
fn add(best: &mut Best, place: u32, clip: (PairedClip, bool)) {
    let best = best.entry(place).or_default();
    best.insert(clip);
    if best.len() > HUBS {
        best.pop_last();
    }
}
