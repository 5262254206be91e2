//! Finding near-duplicates: clips that look the same.
//!
//! Videos look the same after they were re-encoded, scaled, mirrored, reposted or cut at another
//! time. Two clips are near-duplicates if they come from different sources and one resembles the
//! other or its mirrored picture ([`Likeness`]).
//!
//! A clip is compared only with clips that have moments like its own at the same shift. An index
//! finds them: each moment has a few hashes, and similar moments probably share one (MinHash
//! [Broder 1997] in bands). So the time hardly grows with the number of clips that look different.

use std::collections::HashMap;

use genie_shards::ClipMeta;

use crate::analysis::{Likeness, MotionPeak};

/// Number of hashes of a moment.
const BANDS: usize = 4;

/// Number of MinHashes of the edges, and of the changes, that a hash consists of.
const ROWS: (usize, usize) = (4, 3);

/// Difference of two shifts that count as the same, in milliseconds.
const SAME_SHIFT: i64 = 250;

/// Number of moments with one hash that are looked at.
///
/// Without it, moments that thousands of clips share, such as a title, would make a run slow.
const LONGEST_CHAIN: usize = 1000;

/// Clips that are not near-duplicates of each other.
pub struct Originals {
    known: Vec<Original>,
    ranks: Ranks,
    /// For each hash, the newest entry with it.
    newest: HashMap<u32, u32>,
    entries: Vec<Entry>,
}

struct Original {
    clip_id: String,
    source_id: String,
    likeness: Likeness,
}

/// A moment of a known clip, under one of its hashes.
struct Entry {
    known: u32,
    time: u32,
    /// The entry before it with the same hash.
    before: Option<u32>,
}

impl Default for Originals {
    fn default() -> Self {
        let (known, newest, entries) = Default::default();
        Self { known, ranks: Ranks::new(), newest, entries }
    }
}

impl Originals {
    /// The ID of the first known clip of which `clip` is a near-duplicate.
    ///
    /// A clip without a fingerprint is not a near-duplicate.
    pub fn original_of(&self, clip: &ClipMeta) -> Option<&str> {
        let likeness = likeness(clip)?;
        let found = [likeness.mirrored(), likeness].into_iter().filter_map(|likeness| {
            self.candidates(likeness.moments()).into_iter().find(|&number| {
                let known = &self.known[number as usize];
                known.source_id != clip.source_id && known.likeness.resembles(&likeness)
            })
        });
        found.min().map(|number| self.known[number as usize].clip_id.as_str())
    }

    /// The known clips with two moments like these at the same shift, in their order.
    fn candidates(&self, moments: &[MotionPeak]) -> Vec<u32> {
        let mut hits: Vec<(u32, i64, usize)> = Vec::new();
        for (number, moment) in moments.iter().enumerate() {
            for hash in self.ranks.hashes(moment) {
                let first = self.newest.get(&hash).copied();
                let chain = std::iter::successors(first, |&at| self.entries[at as usize].before);
                hits.extend(chain.take(LONGEST_CHAIN).map(|at| {
                    let entry = &self.entries[at as usize];
                    (entry.known, i64::from(entry.time) - i64::from(moment.time), number)
                }));
            }
        }
        hits.sort_unstable();
        hits.dedup();
        let agree = |pair: &[(u32, i64, usize)]| {
            let [(a, shift, moment), (b, other, another)] = [pair[0], pair[1]];
            a == b && other - shift <= SAME_SHIFT && moment != another
        };
        let mut found: Vec<u32> =
            hits.windows(2).filter(|pair| agree(pair)).map(|pair| pair[0].0).collect();
        found.dedup();
        found
    }

    /// Adds a clip that is not a near-duplicate.
    pub fn add(&mut self, clip: &ClipMeta) {
        let Some(likeness) = likeness(clip) else { return };
        let Ok(known) = u32::try_from(self.known.len()) else { return };
        for moment in likeness.moments() {
            for hash in self.ranks.hashes(moment) {
                let Ok(at) = u32::try_from(self.entries.len()) else { return };
                let before = self.newest.insert(hash, at);
                self.entries.push(Entry { known, time: moment.time, before });
            }
        }
        self.known.push(Original {
            clip_id: clip.clip_id.clone(),
            source_id: clip.source_id.clone(),
            likeness,
        });
    }
}

fn likeness(clip: &ClipMeta) -> Option<Likeness> {
    Likeness::of(&clip.scores.fingerprint, clip.seconds(), clip.fps)
}

/// Random orders of the bits of a moment. The first set bit in an order is a MinHash.
struct Ranks {
    edges: Vec<[u16; 128]>,
    changes: Vec<[u16; 64]>,
}

impl Ranks {
    fn new() -> Self {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        // SplitMix64 [Steele et al. 2014]. The ranks are fixed, so every run finds the same clips.
        let mut rank = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u16::try_from((z ^ (z >> 31)) >> 48).unwrap_or(u16::MAX)
        };
        let edges = (0..BANDS * ROWS.0).map(|_| std::array::from_fn(|_| rank())).collect();
        let changes = (0..BANDS * ROWS.1).map(|_| std::array::from_fn(|_| rank())).collect();
        Self { edges, changes }
    }

    /// The hashes of a moment, one for each band.
    fn hashes(&self, moment: &MotionPeak) -> [u32; BANDS] {
        let edges = bits(moment.edges);
        let changes = bits([moment.changes]);
        std::array::from_fn(|band| {
            let of_edges = self.edges[band * ROWS.0..][..ROWS.0].iter().map(|r| first(&edges, r));
            let of_changes =
                self.changes[band * ROWS.1..][..ROWS.1].iter().map(|r| first(&changes, r));
            // FNV-1a over 16-bit words, with the band as the first one.
            let start = 0x811C_9DC5_u32 ^ u32::try_from(band).unwrap_or(0);
            of_edges.chain(of_changes).fold(start.wrapping_mul(0x0100_0193), |hash, value| {
                (hash ^ u32::from(value)).wrapping_mul(0x0100_0193)
            })
        })
    }
}

/// The numbers of the bits that are set.
fn bits<const N: usize>(words: [u64; N]) -> Vec<usize> {
    let is_set = |&bit: &usize| words[bit / 64] >> (bit % 64) & 1 == 1;
    (0..64 * N).filter(is_set).collect()
}

/// The lowest rank of these bits.
fn first(bits: &[usize], ranks: &[u16]) -> u16 {
    bits.iter().map(|&bit| ranks[bit]).min().unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use genie_shards::Scores;

    use super::*;

    fn random(seed: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    /// A fingerprint with a moment in every second, of random bits.
    fn noise(seed: usize) -> Vec<u8> {
        (0..15_u32)
            .flat_map(|second| {
                let mut moment = (1000 * second + 500).to_le_bytes().to_vec();
                moment.extend(random(seed * 100 + second as usize, 24));
                moment
            })
            .collect()
    }

    /// The fingerprint of the same play that starts `by` milliseconds earlier.
    fn later(fingerprint: &[u8], by: u32) -> Vec<u8> {
        let mut bytes = fingerprint.to_vec();
        for moment in bytes.chunks_exact_mut(28) {
            let time = u32::from_le_bytes(*moment.first_chunk().unwrap()) + by;
            moment[..4].copy_from_slice(&time.to_le_bytes());
        }
        bytes
    }

    fn clip(source: usize, frames: usize, fingerprint: Vec<u8>) -> ClipMeta {
        let scores = Scores { fingerprint, ..Scores::default() };
        let source_id = format!("source {source}");
        ClipMeta {
            clip_id: format!("clip of {source_id}"),
            source_id,
            frame_pts: vec![0; frames],
            fps: 10.0,
            scores,
            ..ClipMeta::default()
        }
    }

    /// Catches: clips of one source are near-duplicates of each other; clips without a fingerprint
    /// match every clip; a copy must have the same length, rate or start.
    #[test]
    fn only_the_same_play_of_another_source_is_a_near_duplicate() {
        let mut originals = Originals::default();
        originals.add(&clip(1, 160, noise(1)));
        originals.add(&clip(2, 160, Vec::new()));
        let mut nearly = noise(1);
        nearly[7] ^= 1;
        let original = |clip: &ClipMeta| originals.original_of(clip).map(str::to_owned);
        assert_eq!(original(&clip(3, 161, nearly.clone())).as_deref(), Some("clip of source 1"));
        assert_eq!(original(&clip(1, 160, nearly.clone())), None, "the same source");
        let shifted = clip(3, 167, later(&nearly, 700));
        assert_eq!(original(&shifted).as_deref(), Some("clip of source 1"), "a later start");
        let fast = ClipMeta { fps: 60.0, ..clip(3, 960, nearly.clone()) };
        assert_eq!(original(&fast).as_deref(), Some("clip of source 1"), "another rate");
        assert_eq!(original(&clip(3, 160, noise(2))), None);
        assert_eq!(original(&clip(3, 160, Vec::new())), None, "no fingerprint");
        assert_eq!(original(&clip(3, 160, vec![7; 192])), None, "another format");
    }

    /// Catches: mirrored copies are not looked up.
    #[test]
    fn a_mirrored_copy_is_a_near_duplicate() {
        let mut originals = Originals::default();
        originals.add(&clip(1, 160, noise(1)));
        let mut mirrored = noise(1);
        for moment in mirrored.chunks_exact_mut(28) {
            for byte in &mut moment[4..] {
                *byte = byte.reverse_bits();
            }
            let (brighter, darker) = moment[4..20].split_at_mut(8);
            brighter.swap_with_slice(darker);
        }
        assert!(originals.original_of(&clip(2, 160, mirrored)).is_some());
    }

    /// Catches: of several originals, not the best one (the first that was added) is named.
    #[test]
    fn the_first_original_counts() {
        let mut originals = Originals::default();
        for source in [4, 1, 3] {
            originals.add(&clip(source, 160, noise(1)));
        }
        assert_eq!(originals.original_of(&clip(9, 160, noise(1))), Some("clip of source 4"));
    }

    /// Catches: the index misses copies that a comparison of all pairs finds.
    ///
    /// One bit in twenty differs, as in the re-encodings that were measured.
    #[test]
    fn the_index_finds_what_a_comparison_of_all_pairs_finds() {
        let mut originals = Originals::default();
        let copy = |seed: usize| {
            let flips = random(seed + 1_000_000, 15 * 24 * 8);
            let mut bytes = noise(seed);
            for (number, _) in flips.iter().enumerate().filter(|(_, flip)| **flip < 13) {
                let (moment, bit) = (number / 192, number % 192);
                bytes[moment * 28 + 4 + bit / 8] ^= 1 << (bit % 8);
            }
            clip(seed + 1000, 160, bytes)
        };
        for seed in 0..200 {
            originals.add(&clip(seed, 160, noise(seed)));
        }
        for seed in 0..200 {
            let copy = copy(seed);
            let likeness = likeness(&copy).unwrap();
            let compared = originals.known.iter().position(|k| k.likeness.resembles(&likeness));
            assert_eq!(compared, Some(seed));
            let found = originals.original_of(&copy);
            assert_eq!(found, Some(originals.known[seed].clip_id.as_str()), "{seed}");
        }
    }

    /// Catches: a search takes long at the end of a run, with 10,000 clips and no near-duplicates.
    #[test]
    #[ignore = "a measurement"]
    fn ten_thousand_clips_are_compared_in_seconds() {
        let begun = std::time::Instant::now();
        let mut originals = Originals::default();
        for source in 0..10_000 {
            let clip = clip(source, 160, noise(source));
            assert!(originals.original_of(&clip).is_none());
            originals.add(&clip);
        }
        let took = begun.elapsed().as_secs_f64();
        eprintln!("10,000 clips: {took:.2} s");
        assert!(took < 10.0);
    }
}
