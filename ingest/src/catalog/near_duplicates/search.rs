//! The search for near pairs: a join of some clips with all clips of the catalog, as a stream.
//!
//! The clips that are searched for are indexed, a block of them at a time. All clips stream past
//! the index. So the memory does not depend on the number of clips.
//!
//! Moments that thousands of clips share, such as a title, would make the search slow. So of a hash
//! that more than [`COMMON`] clips have, only the pairs with one of its [`HUBS`] best clips count.
//! New clips can change for which old pairs this is true. That is rare, and then the search must be
//! repeated for all clips. So the pairs are a function of the rows alone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use camino::Utf8Path;
use genie_shards::{ClipPrint, NearPair, PairedClip, SourceRow};
use rayon::prelude::*;

use super::hashes::MomentHasher;
use super::index::{MomentIndex, postings_of};
use super::stream::StreamedClip;
use crate::analysis::Likeness;
use crate::catalog::partitions::CatalogUnit;
use crate::catalog::row_kinds::is_decided;

/// Number of clips with a hash from which on it counts as common.
const COMMON: u32 = 1000;

/// Number of clips with a common hash that are compared with all clips that have it.
const HUBS: usize = 64;

/// Number of postings of a block for each MiB of memory. A posting takes 30 bytes with its index.
const POSTINGS_PER_MB: usize = 6000;

/// The clips of a catalog, and which of them are searched for.
pub struct PairSearch<'a> {
    pub root: &'a Utf8Path,
    pub units: &'a [CatalogUnit],
    /// Ids of sources whose clips are no longer in the catalog.
    pub dropped: &'a HashSet<String>,
    /// Memory for the index, in MiB.
    pub memory_mb: u64,
    /// Number of clips with a hash from which on it counts as common.
    pub common: u32,
}

/// The result of a search.
#[derive(Debug, Default, PartialEq)]
pub struct FoundPairs {
    /// Sorted.
    pub pairs: Vec<NearPair>,
    /// Number of comparisons that were left out because of common hashes.
    pub skipped: u64,
}

/// A clip that is searched for.
struct Query {
    clip: PairedClip,
    likeness: Likeness,
    mirrored: Likeness,
    is_dropped: bool,
}

/// A block of queries with its index.
struct Block {
    queries: Vec<Query>,
    index: MomentIndex,
    /// Ids of the best clips of each common hash, by the hash's first posting.
    hubs: HashMap<usize, HashSet<String>>,
}

/// The best clips of common hashes, by the hash's first posting; each with whether it is touched.
type Best = HashMap<usize, BTreeSet<(PairedClip, bool)>>;

/// The number of clips with each hash of a block, before and after a change of the catalog.
struct Counts {
    before: Vec<AtomicU32>,
    after: Vec<AtomicU32>,
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
        let budget = budget.saturating_mul(POSTINGS_PER_MB);
        let mut found = FoundPairs::default();
        let (mut queries, mut postings) = (Vec::new(), 0);
        for (number, &unit) in touched.iter().enumerate() {
            let first = queries.len();
            self.collect(&self.units[unit], all, &mut queries)?;
            let moments = queries[first..].iter().map(|query| query.likeness.moments().len());
            postings += moments.map(postings_of).sum::<usize>();
            let is_last = number + 1 == touched.len();
            if postings == 0 || (postings < budget && !is_last) {
                continue;
            }
            postings = 0;
            let Some(part) = self.block(&hasher, std::mem::take(&mut queries), all)? else {
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
                let (clip, mirrored) = (qualities.paired(&print), likeness.mirrored());
                queries.push(Query { clip, likeness, mirrored, is_dropped });
            }
        })
    }

    /// The pairs of a block of queries with all clips; `None` as in [`Self::new_clips`].
    fn block(
        &self,
        hasher: &MomentHasher,
        queries: Vec<Query>,
        all: bool,
    ) -> Result<Option<FoundPairs>> {
        let index = MomentIndex::new(hasher, queries.iter().map(|query| &query.likeness));
        let mut block = Block { queries, index, hubs: HashMap::new() };
        let counts = self.count(hasher, &block)?;
        let common = |count: &AtomicU32| count.load(Ordering::Relaxed) > self.common;
        let mut hashes = HashSet::new();
        for (place, (before, after)) in counts.before.iter().zip(&counts.after).enumerate() {
            let (before, after) = (common(before), common(after));
            if before != after && !all {
                return Ok(None);
            }
            if after {
                hashes.insert(place);
            }
        }
        drop(counts);
        if !hashes.is_empty() {
            let Some(hubs) = self.hubs(hasher, &block, &hashes, all)? else { return Ok(None) };
            block.hubs = hubs;
        }
        let parts: Vec<FoundPairs> = self
            .units
            .par_iter()
            .map(|unit| self.pairs_with(hasher, &block, unit, all))
            .collect::<Result<_>>()?;
        let skipped = parts.iter().map(|part| part.skipped).sum();
        let pairs = parts.into_iter().flat_map(|part| part.pairs).collect();
        Ok(Some(FoundPairs { pairs, skipped }))
    }

    /// Counts the clips with each hash.
    fn count(&self, hasher: &MomentHasher, block: &Block) -> Result<Counts> {
        let zeros = || (0..block.index.len()).map(|_| AtomicU32::new(0)).collect();
        let counts = Counts { before: zeros(), after: zeros() };
        self.units.par_iter().try_for_each(|unit| {
            unit.prints(self.root, &mut |print, is_fresh| {
                let Some(clip) = StreamedClip::new(hasher, &print) else { return };
                let is_dropped = self.dropped.contains(print.source_id);
                for place in clip.places(&block.index) {
                    if !is_fresh {
                        counts.before[place].fetch_add(1, Ordering::Relaxed);
                    }
                    if !is_dropped {
                        counts.after[place].fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })?;
        Ok(counts)
    }

    /// The ids of the best clips of common hashes; `None` if a new or dropped clip is one of them.
    fn hubs(
        &self,
        hasher: &MomentHasher,
        block: &Block,
        hashes: &HashSet<usize>,
        all: bool,
    ) -> Result<Option<HashMap<usize, HashSet<String>>>> {
        let add = |best: &mut Best, place: usize, clip: (PairedClip, bool)| {
            let best = best.entry(place).or_default();
            best.insert(clip);
            if best.len() > HUBS {
                best.pop_last();
            }
        };
        let of_unit = |unit: &CatalogUnit| -> Result<Best> {
            let qualities = Qualities::read(self.root, unit)?;
            let mut best = Best::new();
            unit.prints(self.root, &mut |print, is_fresh| {
                let is_dropped = self.dropped.contains(print.source_id);
                let Some(clip) = StreamedClip::new(hasher, &print).filter(|_| !(all && is_dropped))
                else {
                    return;
                };
                for place in clip.places(&block.index) {
                    if hashes.contains(&place) {
                        add(&mut best, place, (qualities.paired(&print), is_fresh || is_dropped));
                    }
                }
            })?;
            Ok(best)
        };
        let merge = |mut one: Best, other: Best| {
            for (place, clips) in other {
                for clip in clips {
                    add(&mut one, place, clip);
                }
            }
            Ok(one)
        };
        let best = self.units.par_iter().map(of_unit).try_reduce(Best::new, merge)?;
        if !all && best.values().flatten().any(|(_, is_touched)| *is_touched) {
            return Ok(None);
        }
        let ids = |clips: BTreeSet<(PairedClip, bool)>| {
            clips.into_iter().map(|(clip, _)| clip.clip_id).collect()
        };
        Ok(Some(best.into_iter().map(|(place, clips)| (place, ids(clips))).collect()))
    }

    /// The pairs of the queries of a block with the clips of a unit.
    fn pairs_with(
        &self,
        hasher: &MomentHasher,
        block: &Block,
        unit: &CatalogUnit,
        all: bool,
    ) -> Result<FoundPairs> {
        let mut found = FoundPairs::default();
        let mut qualities = None;
        let mut failure = None;
        let mut seen = vec![0_u8; 2 * block.queries.len()];
        unit.prints(self.root, &mut |print, is_fresh| {
            if self.dropped.contains(print.source_id) {
                return;
            }
            let Some(clip) = StreamedClip::new(hasher, &print) else { return };
            let counts = |place: usize, query: u32| {
                block.hubs.get(&place).is_none_or(|hubs| {
                    let query = &block.queries[query as usize].clip.clip_id;
                    hubs.contains(query) || hubs.contains(print.clip_id)
                })
            };
            let candidates = clip.candidates(&block.index, counts, &mut seen, &mut found.skipped);
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
            for (query, is_mirrored) in candidates {
                let query = &block.queries[query as usize];
                // Both clips of a pair may be searched for.
                let is_later = (all || is_fresh) && query.clip.clip_id >= ours.0.clip_id;
                let is_same = query.clip.source_id == ours.0.source_id;
                if !query.is_dropped && !is_later && !is_same {
                    found.pairs.extend(pair(query, is_mirrored, &ours));
                }
            }
        })?;
        failure.map_or(Ok(found), Err)
    }
}

/// The pair of a query and another clip, if they look the same.
fn pair(query: &Query, is_mirrored: bool, other: &(PairedClip, Likeness)) -> Option<NearPair> {
    let likeness = if is_mirrored { &query.mirrored } else { &query.likeness };
    let (better, worse, looks) = if query.clip < other.0 {
        (&query.clip, &other.0, likeness.resembles(&other.1))
    } else {
        (&other.0, &query.clip, other.1.resembles(likeness))
    };
    looks.then(|| NearPair { worse: worse.clone(), better: better.clone() })
}

/// The likeness of a clip; `None` if it has no fingerprint.
fn likeness(print: &ClipPrint<'_>) -> Option<Likeness> {
    let seconds = f64::from(print.frames) / print.fps.max(f64::MIN_POSITIVE);
    Likeness::of(print.fingerprint, seconds, print.fps)
}

/// Pixels and bytes of the sources of a unit.
struct Qualities(HashMap<String, (u64, u64)>);

impl Qualities {
    fn read(root: &Utf8Path, unit: &CatalogUnit) -> Result<Self> {
        let quality = |row: &SourceRow| {
            let pixels = u64::from(row.width.unwrap_or(0)) * u64::from(row.height.unwrap_or(0));
            (row.source_id.clone(), (pixels, row.bytes))
        };
        let rows = unit.sources(root)?;
        Ok(Self(rows.iter().filter(|row| is_decided(row)).map(quality).collect()))
    }

    fn paired(&self, print: &ClipPrint<'_>) -> PairedClip {
        let (pixels, bytes) = self.0.get(print.source_id).copied().unwrap_or_default();
        PairedClip {
            clip_id: print.clip_id.to_owned(),
            source_id: print.source_id.to_owned(),
            start_pts: print.start_pts,
            has_actions: print.has_actions,
            pixels,
            bytes,
        }
    }
}
