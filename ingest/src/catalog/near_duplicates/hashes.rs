//! Hashes of moments: similar moments probably share one.
//!
//! A hash consists of MinHashes [Broder 1997] of the edges and of the changes of a moment. Two sets
//! of bits have the same MinHash with a probability that is their Jaccard similarity.
//!
//! Every run computes the hashes of all clips, so they must be fast. `pulp` compiles their loop for
//! the vector instructions of this machine. The hashes are the same on every machine.

#![allow(
    clippy::inline_always,
    reason = "a loop is compiled for vector instructions only where it is inlined into pulp's \
              dispatch"
)]

use pulp::{Arch, Simd, WithSimd};

use crate::analysis::MotionPeak;

/// Number of hashes of a moment.
pub const BANDS: usize = 12;

/// Number of MinHashes of the edges in a hash.
const EDGES: usize = 5;

/// Number of MinHashes of the changes in a hash.
const CHANGES: usize = 4;

/// One rank for each MinHash of the edges, and of the changes.
///
/// First come the ranks of the first MinHash of each band, then those of the second. So a loop over
/// the bands reads neighbours.
type EdgeRanks = [i16; BANDS * EDGES];
type ChangeRanks = [i16; BANDS * CHANGES];

/// The hashes of a moment.
pub type MomentHashes = [u32; BANDS];

/// Computes the hashes of moments.
///
/// A MinHash is the lowest rank of the bits that are set. The ranks are random, and the same in
/// every run. Tables contain the lowest ranks for each value of each byte.
pub struct MomentHasher {
    arch: Arch,
    edges: Vec<EdgeRanks>,
    changes: Vec<ChangeRanks>,
    /// Random numbers that combine the MinHashes of each band: summands, and factors of each one.
    summands: [u64; BANDS],
    factors: [[u64; BANDS]; EDGES + CHANGES],
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
        let edges: Vec<EdgeRanks> =
            (0..128).map(|_| by_number::<EDGES, _>(std::array::from_fn(|_| rank()))).collect();
        let changes: Vec<ChangeRanks> =
            (0..64).map(|_| by_number::<CHANGES, _>(std::array::from_fn(|_| rank()))).collect();
        let (mut summands, mut factors) = ([0; BANDS], [[0; BANDS]; EDGES + CHANGES]);
        for band in 0..BANDS {
            summands[band] = word() | 1;
            for factors in &mut factors {
                factors[band] = word() | 1;
            }
        }
        Self {
            arch: Arch::new(),
            edges: tables(&edges),
            changes: tables(&changes),
            summands,
            factors,
        }
    }

    /// The hashes of moments, and of their mirrored pictures, one for each band.
    pub fn hashes(&self, moments: &[MotionPeak]) -> Vec<[MomentHashes; 2]> {
        self.arch.dispatch(Hashing { hasher: self, moments })
    }

    /// The hashes of a moment.
    #[inline(always)]
    fn hash(&self, moment: MotionPeak) -> MomentHashes {
        let [brighter, darker] = moment.edges.map(u64::to_le_bytes);
        let edges = lowest(&self.edges, brighter.into_iter().chain(darker));
        let changes = lowest(&self.changes, moment.changes.to_le_bytes());
        let mut sums = self.summands;
        let (edges, changes) = (edges.as_chunks::<BANDS>().0, changes.as_chunks::<BANDS>().0);
        for (ranks, factors) in edges.iter().chain(changes).zip(&self.factors) {
            for ((sum, rank), factor) in sums.iter_mut().zip(ranks).zip(factors) {
                *sum = sum.wrapping_add(factor.wrapping_mul(u64::from(rank.unsigned_abs())));
            }
        }
        sums.map(|sum| (sum >> 32) as u32)
    }
}

/// The loop over moments, which is compiled for the vector instructions of this machine.
struct Hashing<'a> {
    hasher: &'a MomentHasher,
    moments: &'a [MotionPeak],
}

impl WithSimd for Hashing<'_> {
    type Output = Vec<[MomentHashes; 2]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> Self::Output {
        let Self { hasher, moments } = self;
        let mut hashes = vec![[[0; BANDS]; 2]; moments.len()];
        for (hashes, moment) in hashes.iter_mut().zip(moments) {
            *hashes = [hasher.hash(*moment), hasher.hash(moment.mirrored())];
        }
        hashes
    }
}

/// Brings ranks into the order of [`EdgeRanks`]. On entry, those of a band are neighbours.
fn by_number<const IN_BAND: usize, const N: usize>(by_band: [i16; N]) -> [i16; N] {
    std::array::from_fn(|at| by_band[at % BANDS * IN_BAND + at / BANDS])
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
#[inline(always)]
fn lowest<const N: usize>(tables: &[[i16; N]], bytes: impl IntoIterator<Item = u8>) -> [i16; N] {
    let mut lowest = [i16::MAX; N];
    for (at, byte) in bytes.into_iter().enumerate() {
        lowest = least(lowest, &tables[at * 256 + usize::from(byte)]);
    }
    lowest
}

/// The lower one of each two ranks.
#[inline(always)]
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
        let hashes = |moment: MotionPeak| hasher.hashes(&[moment])[0][0];
        let shared = |a: MotionPeak, b: MotionPeak| {
            hashes(a).into_iter().zip(hashes(b)).filter(|(a, b)| a == b).count()
        };
        let nearly = |seed| {
            let moment = moment(seed);
            let [first, second] = moment.edges;
            MotionPeak { edges: [first ^ 1 << 9, second ^ 1 << 33], ..moment }
        };
        let near: usize = (0..100).map(|seed| shared(moment(seed), nearly(seed))).sum();
        assert!((900..1200).contains(&near), "{near} of 1200");
        let far: usize = (0..100).map(|seed| shared(moment(seed), moment(seed + 100))).sum();
        assert!(far < 5, "{far}");
        let hashes = hashes(moment(1));
        assert!(
            hashes.iter().all(|hash| hashes.iter().filter(|other| *other == hash).count() == 1)
        );
    }

    /// Catches: another machine, or another order of the loops, has other hashes, so that other
    /// pairs are found than those that are stored.
    #[test]
    fn hashes_are_the_same_on_every_machine() {
        let moments: Vec<MotionPeak> = (0..9).map(moment).collect();
        let hashes = MomentHasher::new().hashes(&moments);
        assert_eq!(hashes[1][0][..4], [0x4a2b_8796, 0x2b05_023e, 0x94d3_d6e1, 0x070d_9ff5]);
        assert_eq!(hashes[1][1][..4], [0x6388_b919, 0x75ce_8386, 0xf7d0_9fc2, 0xa9bd_f789]);
        let mirrored: Vec<MotionPeak> = moments.into_iter().map(MotionPeak::mirrored).collect();
        let swapped: Vec<_> =
            hashes.iter().map(|[straight, mirror]| [*mirror, *straight]).collect();
        assert_eq!(MomentHasher::new().hashes(&mirrored), swapped);
    }
}
