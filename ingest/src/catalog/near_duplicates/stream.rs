//! A clip that streams past an index: which of the indexed clips may look the same.

use std::ops::Range;

use genie_shards::ClipPrint;

use super::hashes::{BANDS, MomentHasher};
use super::index::{MomentIndex, POSTINGS};
use crate::analysis::{LEAST_MOMENTS, moments};

/// Difference of two shifts that count as the same, in milliseconds.
const SAME_SHIFT: i64 = 250;

/// A clip that streams past an index: the hashes that it shares with indexed clips.
pub struct StreamedClip(Vec<SharedHash>);

/// A hash of a moment, or of its mirrored picture, that is in the index.
struct SharedHash {
    /// The places of its postings.
    places: Range<u32>,
    /// Number and time of the moment.
    moment: usize,
    time: u32,
    is_mirrored: bool,
}

impl StreamedClip {
    /// The clip; `None` if it shares no hash, or has no fingerprint.
    pub fn new(hasher: &MomentHasher, index: &MomentIndex, print: &ClipPrint<'_>) -> Option<Self> {
        let moments = moments(print.fingerprint);
        if moments.len() < LEAST_MOMENTS {
            return None;
        }
        let hashes = hasher.hashes(&moments);
        let shared = |(number, places): (usize, Range<u32>)| {
            let (moment, is_mirrored) = (number / POSTINGS, number / BANDS % 2 == 1);
            SharedHash { places, moment, time: moments[moment].time, is_mirrored }
        };
        let found = index.find(hashes.as_flattened().as_flattened());
        let shared: Vec<SharedHash> = found.into_iter().map(shared).collect();
        (!shared.is_empty()).then_some(Self(shared))
    }

    /// The first posting of each hash that the clip or its mirrored picture shares with the index.
    pub fn places(&self) -> Vec<u32> {
        let mut places: Vec<u32> = self.0.iter().map(|shared| shared.places.start).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The indexed clips with two moments like those of this clip at the same shift.
    ///
    /// Each comes with whether its mirrored picture has them. A pair of moments is left out, and
    /// `skipped` is counted up, if `counts` is false for its place in the index and its clip.
    /// `seen` has two zeros for each indexed clip, and has them again afterwards.
    pub fn candidates(
        &self,
        index: &MomentIndex,
        counts: impl Fn(u32, u32) -> bool,
        seen: &mut [u8],
        skipped: &mut u64,
    ) -> Vec<(u32, bool)> {
        let mut hits: Vec<Hit> = Vec::new();
        for shared in &self.0 {
            for indexed in index.moments(shared.places.clone()) {
                // Two mirrored pictures are as alike as the pictures.
                if shared.is_mirrored && indexed.is_mirrored {
                    continue;
                }
                if !counts(shared.places.start, indexed.clip) {
                    *skipped += 1;
                    continue;
                }
                hits.push(Hit {
                    clip: indexed.clip,
                    is_mirrored: shared.is_mirrored || indexed.is_mirrored,
                    shift: i64::from(indexed.time) - i64::from(shared.time),
                    moment: shared.moment,
                });
            }
        }
        for hit in &hits {
            let seen = &mut seen[hit.number()];
            *seen = seen.saturating_add(1);
        }
        let (several, single): (Vec<Hit>, Vec<Hit>) =
            hits.into_iter().partition(|hit| seen[hit.number()] > 1);
        for hit in several.iter().chain(&single) {
            seen[hit.number()] = 0;
        }
        agreeing(several)
    }
}

/// A moment of an indexed clip that shares a hash with a moment of the streamed clip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    clip: u32,
    is_mirrored: bool,
    /// Time of the indexed moment minus that of the streamed one, in milliseconds.
    shift: i64,
    /// Number of the streamed moment.
    moment: usize,
}

impl Hit {
    /// Number of the clip and its orientation.
    fn number(&self) -> usize {
        2 * self.clip as usize + usize::from(self.is_mirrored)
    }
}

/// The clips with two hits of different moments at the same shift.
fn agreeing(mut hits: Vec<Hit>) -> Vec<(u32, bool)> {
    hits.sort_unstable();
    hits.dedup();
    let agree = |pair: &&[Hit]| {
        let (a, b) = (pair[0], pair[1]);
        a.number() == b.number() && b.shift - a.shift <= SAME_SHIFT && a.moment != b.moment
    };
    let pairs = hits.windows(2).filter(agree);
    let mut found: Vec<(u32, bool)> =
        pairs.map(|pair| (pair[0].clip, pair[0].is_mirrored)).collect();
    found.dedup();
    found
}
