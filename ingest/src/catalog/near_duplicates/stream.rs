//! A clip that streams past an index: which of the indexed clips may look the same.

use genie_shards::ClipPrint;

use super::hashes::{BANDS, MomentHasher};
use super::index::MomentIndex;
use crate::analysis::{LEAST_MOMENTS, MotionPeak, moments};

/// Difference of two shifts that count as the same, in milliseconds.
const SAME_SHIFT: i64 = 250;

/// The hashes of the moments of a clip.
type MomentHashes = Vec<[u32; BANDS]>;

/// A clip that streams past an index.
pub struct StreamedClip {
    moments: Vec<MotionPeak>,
    hashes: MomentHashes,
    mirrored: MomentHashes,
}

impl StreamedClip {
    /// The clip; `None` if it has no fingerprint.
    pub fn new(hasher: &MomentHasher, print: &ClipPrint<'_>) -> Option<Self> {
        let moments = moments(print.fingerprint);
        if moments.len() < LEAST_MOMENTS {
            return None;
        }
        let hashes = moments.iter().map(|moment| hasher.hashes(moment)).collect();
        let mirrored = moments.iter().map(|moment| hasher.hashes(&moment.mirrored())).collect();
        Some(Self { moments, hashes, mirrored })
    }

    /// The first posting of each hash that the clip or its mirrored picture shares with the index.
    pub fn places(&self, index: &MomentIndex) -> Vec<usize> {
        let hashes = self.hashes.iter().chain(&self.mirrored).flatten();
        let found = hashes.map(|hash| index.find(*hash)).filter(|places| !places.is_empty());
        let mut places: Vec<usize> = found.map(|places| places.start).collect();
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
        counts: impl Fn(usize, u32) -> bool,
        seen: &mut [u8],
        skipped: &mut u64,
    ) -> Vec<(u32, bool)> {
        let mut hits: Vec<Hit> = Vec::new();
        let orientations = [(&self.hashes, false), (&self.mirrored, true)];
        for (hashes, is_mirrored) in orientations {
            for (number, (moment, hashes)) in (0..).zip(self.moments.iter().zip(hashes)) {
                for hash in hashes {
                    let places = index.find(*hash);
                    for posting in index.postings(places.clone()) {
                        // Two mirrored pictures are as alike as the pictures.
                        if is_mirrored && posting.is_mirrored {
                            continue;
                        }
                        if !counts(places.start, posting.clip) {
                            *skipped += 1;
                            continue;
                        }
                        hits.push(Hit {
                            clip: posting.clip,
                            is_mirrored: is_mirrored || posting.is_mirrored,
                            shift: i64::from(posting.time) - i64::from(moment.time),
                            moment: number,
                        });
                    }
                }
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
    moment: u32,
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
