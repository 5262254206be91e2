//! Hashes of moments: similar moments probably share one.
//!
//! A hash consists of MinHashes [Broder 1997] of the edges and of the changes of a moment. Two sets
//! of bits have the same MinHash with a probability that is their Jaccard similarity.

use crate::analysis::MotionPeak;

/// Number of hashes of a moment.
pub const BANDS: usize = 12;

/// Number of MinHashes of the edges in a hash.
const EDGES: usize = 5;

/// Number of MinHashes of the changes in a hash.
const CHANGES: usize = 4;

/// One rank for each MinHash of the edges, and of the changes.
type EdgeRanks = [i16; BANDS * EDGES];
type ChangeRanks = [i16; BANDS * CHANGES];

/// Computes the hashes of moments.
///
/// A MinHash is the lowest rank of the bits that are set. The ranks are random, and the same in
/// every run. Tables contain the lowest ranks for each value of each byte.
pub struct MomentHasher {
    edges: Vec<EdgeRanks>,
    changes: Vec<ChangeRanks>,
    /// Random factors that combine the MinHashes of a band.
    factors: Vec<[u64; EDGES + CHANGES + 1]>,
}

impl MomentHasher {
    /// The hasher; it is the same in every run.
    pub fn new() -> Self {
        let mut random = blake3::Hasher::new().update(b"moment hashes").finalize_xof();
        let mut word = || {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        // Ranks have 15 bits, because the smallest of signed numbers takes fewer instructions.
        let mut rank = || i16::try_from(word() >> 49).unwrap_or(i16::MAX);
        let edges: Vec<EdgeRanks> = (0..128).map(|_| std::array::from_fn(|_| rank())).collect();
        let changes: Vec<ChangeRanks> = (0..64).map(|_| std::array::from_fn(|_| rank())).collect();
        let factors = (0..BANDS).map(|_| std::array::from_fn(|_| word() | 1)).collect();
        Self { edges: tables(&edges), changes: tables(&changes), factors }
    }

    /// The hashes of a moment, one for each band.
    pub fn hashes(&self, moment: &MotionPeak) -> [u32; BANDS] {
        let [brighter, darker] = moment.edges.map(u64::to_le_bytes);
        let edges = lowest(&self.edges, brighter.into_iter().chain(darker));
        let changes = lowest(&self.changes, moment.changes.to_le_bytes());
        std::array::from_fn(|band| {
            let edges = &edges[band * EDGES..][..EDGES];
            let changes = &changes[band * CHANGES..][..CHANGES];
            let [first, factors @ ..] = &self.factors[band];
            let terms = edges.iter().chain(changes).zip(factors);
            let sum = terms.fold(*first, |sum, (&rank, factor)| {
                sum.wrapping_add(factor.wrapping_mul(u64::from(rank.unsigned_abs())))
            });
            u32::try_from(sum >> 32).unwrap_or(0)
        })
    }
}

/// The lowest ranks for each byte of a set, and each value of the byte, from the ranks of the bits.
fn tables<const N: usize>(ranks: &[[i16; N]]) -> Vec<[i16; N]> {
    let mut tables = Vec::with_capacity(ranks.len() * 32);
    for byte in ranks.chunks(8) {
        for value in 0..256_usize {
            let set = byte.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1);
            tables.push(set.fold([i16::MAX; N], |lowest, (_, ranks)| least(lowest, ranks)));
        }
    }
    tables
}

/// The lowest ranks of the bits that are set in some bytes.
fn lowest<const N: usize>(tables: &[[i16; N]], bytes: impl IntoIterator<Item = u8>) -> [i16; N] {
    let rows = bytes.into_iter().enumerate().map(|(at, byte)| at * 256 + usize::from(byte));
    rows.fold([i16::MAX; N], |lowest, row| least(lowest, &tables[row]))
}

fn least<const N: usize>(mut one: [i16; N], other: &[i16; N]) -> [i16; N] {
    for (one, other) in one.iter_mut().zip(other) {
        *one = (*one).min(*other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seed: u64) -> MotionPeak {
        let mut bytes = [0; 24];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        MotionPeak { time: 0, edges: [word(0), word(8)], changes: word(16) }
    }

    /// Catches: a table has the ranks of another byte or bit.
    #[test]
    fn a_minhash_is_the_lowest_rank_of_the_bits() {
        let ranks: Vec<[i16; 2]> = (0..16).map(|bit| [100 - bit, 3 * bit]).collect();
        let tables = tables(&ranks);
        assert_eq!(lowest(&tables, [0b100, 0b1]), [92, 6], "bits 2 and 8");
        assert_eq!(lowest(&tables, [0, 0]), [i16::MAX; 2], "no bits");
    }

    /// Catches: all moments share a hash; nearly equal moments share none; bands are alike.
    #[test]
    fn similar_moments_share_hashes() {
        let hasher = MomentHasher::new();
        let shared = |a: &MotionPeak, b: &MotionPeak| {
            let pairs = hasher.hashes(a).into_iter().zip(hasher.hashes(b));
            pairs.filter(|(a, b)| a == b).count()
        };
        let nearly = |seed| {
            let moment = moment(seed);
            let [first, second] = moment.edges;
            MotionPeak { edges: [first ^ 1 << 9, second ^ 1 << 33], ..moment }
        };
        let near: usize = (0..100).map(|seed| shared(&moment(seed), &nearly(seed))).sum();
        assert!((900..1200).contains(&near), "{near} of 1200");
        let far: usize = (0..100).map(|seed| shared(&moment(seed), &moment(seed + 100))).sum();
        assert!(far < 5, "{far}");
        let hashes = hasher.hashes(&moment(1));
        assert!(
            hashes.iter().all(|hash| hashes.iter().filter(|other| *other == hash).count() == 1)
        );
    }
}
