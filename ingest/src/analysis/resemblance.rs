//! Whether two clips show the same play, by their fingerprints.
//!
//! Moments of the two clips are paired by time, after one clip is shifted against the other. Each
//! pair is evidence for or against the same play. The shift with the most evidence counts, if the
//! clips then overlap by at least half of the shorter one.
//!
//! A figure that stands before the same scenery gives the same moment again and again. So similar
//! moments of a clip count as one.
//!
//! The thresholds were measured (`docs/log/2026-11-30-copies.md`).

#![allow(
    clippy::inline_always,
    reason = "a loop is compiled for vector instructions only where it is inlined into pulp's \
              dispatch"
)]

use pulp::{Arch, Simd, WithSimd};

use super::fingerprint::{LEAST_MOMENTS, MotionPeak, moments};

/// Distance of edges at which a pair is no evidence, in thousandths.
const EDGES: i32 = 550;

/// Distance of changes at which a pair is no evidence, in thousandths.
const CHANGES: i32 = 300;

/// Evidence of a moment that has no partner, in thousandths.
const ALONE: i32 = -350;

/// Similarity of two moments of one clip that count as one, in thousandths.
const SAME: i32 = 800;

/// Similarity of two moments whose times give a shift to try, in thousandths.
const LIKELY: i32 = 300;

/// Moments nearer to an end of the overlap may lack a partner, in milliseconds.
const MARGIN: i64 = 300;

/// Least evidence for the same play, in thousandths of a moment that fits perfectly.
const LEAST_EVIDENCE: i32 = 2500;

/// Least share of the possible evidence, in thousandths.
const LEAST_SHARE: i32 = 300;

/// A clip as it is compared with others.
#[derive(Clone)]
pub struct Likeness {
    moments: Vec<MotionPeak>,
    /// Weight of each moment in thousandths: 1000 divided by the number of moments like it.
    weights: Vec<i32>,
    /// The changes of each moment, and how many there are.
    changes: Vec<(u64, u32)>,
    /// Length of the clip in milliseconds.
    length: i64,
    /// Largest difference of the times of two moments that are paired, in milliseconds.
    tolerance: i64,
}

impl Likeness {
    /// The clip with this fingerprint; `None` if it has too few moments to compare.
    ///
    /// `seconds` is the length of the clip, and `fps` its frame rate.
    pub fn of(fingerprint: &[u8], seconds: f64, fps: f64) -> Option<Self> {
        let moments = moments(fingerprint);
        if moments.len() < LEAST_MOMENTS {
            return None;
        }
        let like = |moment: &MotionPeak| {
            moments.iter().filter(|other| similarity(moment, other) > SAME).count().max(1)
        };
        let weights =
            moments.iter().map(|moment| 1000 / i32::try_from(like(moment)).unwrap_or(1000));
        #[expect(clippy::cast_possible_truncation, reason = "the casts saturate")]
        let (length, tolerance) =
            ((seconds * 1000.0).round() as i64, (1100.0 / fps.min(10.0)).round() as i64);
        let (weights, changes) = (weights.collect(), changes_of(&moments));
        Some(Self { moments, weights, changes, length, tolerance })
    }

    /// The same clip, mirrored.
    pub fn mirrored(&self) -> Self {
        let moments: Vec<MotionPeak> =
            self.moments.iter().map(|moment| moment.mirrored()).collect();
        Self { changes: changes_of(&moments), moments, ..self.clone() }
    }

    /// The clip's moments, in the order of their times.
    pub fn moments(&self) -> &[MotionPeak] {
        &self.moments
    }

    /// Whether the two clips show the same play, perhaps from another time on.
    pub fn resembles(&self, other: &Self) -> bool {
        self.has_evidence(other) && self.is_same(other)
    }

    /// Whether as many moments have one in the other clip that changes alike as evidence needs.
    ///
    /// A moment is evidence of at most 1000. If its changes are not like those of any moment of the
    /// other clip, its similarity to each of them is at most 0.
    fn has_evidence(&self, other: &Self) -> bool {
        let count = AlikeCount { ours: &self.changes, theirs: &other.changes };
        let alike = Arch::new().dispatch(count);
        i32::try_from(alike).is_ok_and(|alike| 1000 * alike >= LEAST_EVIDENCE)
    }

    /// Whether the clips show the same play, by the evidence at all shifts.
    fn is_same(&self, other: &Self) -> bool {
        let mut pairs = Vec::new();
        for (i, ours) in self.moments.iter().enumerate() {
            for (j, theirs) in other.moments.iter().enumerate() {
                let shift = i64::from(theirs.time) - i64::from(ours.time);
                pairs.push(Pair { shift, members: (i, j), similarity: similarity(ours, theirs) });
            }
        }
        let likely = pairs.iter().filter(|pair| pair.similarity > LIKELY);
        let mut shifts: Vec<i64> = likely.map(|pair| pair.shift).collect();
        if shifts.is_empty() {
            return false;
        }
        shifts.sort_unstable();
        shifts.dedup();
        pairs.sort_by_key(|pair| pair.shift);
        shifts.into_iter().any(|shift| self.is_same_at(other, &pairs, shift))
    }

    /// Whether the clips show the same play if `other` is moved back by `shift` milliseconds.
    ///
    /// `pairs` are sorted by shift.
    fn is_same_at(&self, other: &Self, pairs: &[Pair], shift: i64) -> bool {
        // The overlap, in the times of `self`.
        let (from, to) = ((-shift).max(0), self.length.min(other.length - shift));
        if 2 * (to - from) < self.length.min(other.length) {
            return false;
        }
        let mut best = (vec![None; self.moments.len()], vec![None; other.moments.len()]);
        let tolerance = self.tolerance.max(other.tolerance);
        let first = pairs.partition_point(|pair| pair.shift < shift - tolerance);
        let near = pairs[first..].iter().take_while(|pair| pair.shift <= shift + tolerance);
        for pair in near {
            let (ours, theirs) = (&mut best.0[pair.members.0], &mut best.1[pair.members.1]);
            *ours = (*ours).max(Some(pair.similarity));
            *theirs = (*theirs).max(Some(pair.similarity));
        }
        let inside = |time: i64| time >= from + MARGIN && time < to - MARGIN;
        let (mut evidence, mut possible) = (0, 0);
        for ((moment, best), weight) in self.moments.iter().zip(&best.0).zip(&self.weights) {
            if inside(i64::from(moment.time)) {
                evidence += weight * best.unwrap_or(ALONE) / 1000;
                possible += weight;
            }
        }
        for ((moment, best), weight) in other.moments.iter().zip(&best.1).zip(&other.weights) {
            if inside(i64::from(moment.time) - shift) && best.is_none() {
                evidence += weight * ALONE / 1000;
            }
        }
        evidence >= LEAST_EVIDENCE && evidence * 1000 >= possible * LEAST_SHARE
    }
}

/// The number of moments with one of the other clip's that changes alike.
///
/// `pulp` compiles the loop for the instructions of this machine that count bits.
struct AlikeCount<'a> {
    ours: &'a [(u64, u32)],
    theirs: &'a [(u64, u32)],
}

impl WithSimd for AlikeCount<'_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> usize {
        let mut alike = 0;
        for &(ours, count) in self.ours {
            let mut found = false;
            for &(theirs, others) in self.theirs {
                // At most 3/10 of the bits in either are not in both. Twice the number of bits in
                // either is `count + others + different`.
                let different = (ours ^ theirs).count_ones();
                found |= 17 * different <= 3 * (count + others);
            }
            alike += usize::from(found);
        }
        alike
    }
}

fn changes_of(moments: &[MotionPeak]) -> Vec<(u64, u32)> {
    moments.iter().map(|moment| (moment.changes, moment.changes.count_ones())).collect()
}

/// A moment of each of two clips.
struct Pair {
    /// Time of the second clip's moment minus that of the first, in milliseconds.
    shift: i64,
    /// Numbers of the moments in their clips.
    members: (usize, usize),
    similarity: i32,
}

/// How much two moments look like the same one, from -1000 (not at all) to 1000.
///
/// Both edges and changes must be similar. Of equal levels, only the changes differ, and of equal
/// motion, only the edges.
fn similarity(a: &MotionPeak, b: &MotionPeak) -> i32 {
    let edges = distance(a.edges, b.edges);
    let changes = distance([a.changes], [b.changes]);
    let of =
        |distance: i32, none: i32, full: i32| ((none - distance) * 1000 / full).clamp(-1000, 1000);
    of(edges, EDGES, 300).min(of(changes, CHANGES, 150))
}

/// The share of the bits set in either that are not set in both, in thousandths.
fn distance<const N: usize>(a: [u64; N], b: [u64; N]) -> i32 {
    let (mut different, mut either) = (0, 0);
    for (a, b) in a.into_iter().zip(b) {
        different += (a ^ b).count_ones();
        either += (a | b).count_ones();
    }
    i32::try_from(different * 1000 / either.max(1)).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fingerprint::fingerprint;
    use crate::analysis::plane::Plane;
    use crate::analysis::synthetic::{TestPicture, noise, plain, world};

    const FPS: f64 = 10.0;

    fn of(pictures: impl IntoIterator<Item = TestPicture>) -> Likeness {
        let planes: Vec<Plane> = pictures.into_iter().map(|picture| picture.plane()).collect();
        let seconds = planes.len() as f64 / FPS;
        Likeness::of(&fingerprint(&planes, FPS), seconds, FPS).expect("enough moments")
    }

    /// Where the camera is in frame `i`: it runs, and stops at irregular times given by `seed`.
    fn at(seed: usize, i: usize) -> isize {
        let speed = |i: usize| [6, 0, 9, 3, 0, 12, 2, 7, 0, 4, 10][(i / 3 + seed * (i / 7)) % 11];
        (0..i).map(speed).sum()
    }

    /// Play in level `level`, from frame `from` on.
    fn play(level: u64, seed: usize, from: usize, width: usize) -> Vec<TestPicture> {
        let height = width * 9 / 16;
        let pixels = |i: usize| at(seed, i) * width.cast_signed() / 160;
        (from..from + 160).map(|i| world(level, width, height, pixels(i), 0)).collect()
    }

    /// Catches: another size, brightness or a little grain hides a copy.
    #[test]
    fn a_copy_resembles_its_original() {
        let original = of(play(1, 1, 0, 160));
        assert!(original.resembles(&original));
        assert!(original.resembles(&of(play(1, 1, 0, 320))));
        let brighter =
            play(1, 1, 0, 160).into_iter().map(|picture| picture.dimmed(|p, _| 10 + p / 10 * 9));
        assert!(original.resembles(&of(brighter)));
        let grain = (0..).zip(play(1, 1, 0, 160)).map(|(i, picture)| {
            let grain = noise(i, 160, 90);
            picture.dimmed(|p, at| p.saturating_add(grain.at(at) / 32))
        });
        assert!(original.resembles(&of(grain)));
    }

    /// Catches: copies are found only if they start at the same time.
    #[test]
    fn a_copy_that_starts_later_resembles_its_original() {
        let original = of(play(1, 1, 0, 160));
        for later in [1, 7, 50, 70] {
            let copy = of(play(1, 1, later, 160));
            assert!(original.resembles(&copy) && copy.resembles(&original), "{later}");
        }
        // Less than half of a clip is not enough to drop the other half.
        let rest = of(play(1, 1, 100, 160));
        assert!(!original.resembles(&rest) && !rest.resembles(&original));
    }

    /// Catches: mirrored copies are not found, or every clip resembles its mirrored self.
    #[test]
    fn a_mirrored_copy_resembles_the_mirrored_original() {
        let original = of(play(1, 1, 0, 160));
        let copy = of(play(1, 1, 7, 160).into_iter().map(|picture| picture.mirrored()));
        assert!(original.mirrored().resembles(&copy) && original.resembles(&copy.mirrored()));
        assert!(!original.resembles(&copy));
    }

    /// Catches: the level alone, or the motion alone, makes clips alike.
    #[test]
    fn another_level_and_other_play_do_not_resemble() {
        let original = of(play(1, 1, 0, 160));
        assert!(!original.resembles(&of(play(2, 1, 0, 160))), "another level");
        assert!(!original.resembles(&of(play(1, 2, 160, 160))), "another part of the level");
        let figure = plain(160, 90, [250, 240, 30]);
        let single_screen = |seed: usize| {
            let x = |i: usize| at(seed, i).unsigned_abs() % 140;
            of((0..160).map(|i| world(1, 160, 90, 0, 0).over(&figure, x(i)..x(i) + 16, 30..60)))
        };
        assert!(!single_screen(1).resembles(&single_screen(2)), "the same screen");
        assert!(single_screen(1).resembles(&single_screen(1)));
    }

    /// Catches: a figure that moves on one spot is evidence as often as it moves.
    #[test]
    fn a_repeated_moment_counts_once() {
        let figure = plain(160, 90, [250, 240, 30]);
        let waiting = |rows: usize| {
            let y = |i: usize| 30 + [0, 0, 2, 8, 2, 0][i % 6] + rows;
            of((0..160).map(|i| world(1, 160, 90, 0, 0).over(&figure, 70..86, y(i)..y(i) + 20)))
        };
        assert!(!waiting(0).resembles(&waiting(1)));
    }

    /// Catches: clips that show the same play are not compared, because the bits of their changes
    /// are counted in another way than for their similarity.
    #[test]
    fn clips_without_enough_like_changes_are_never_the_same() {
        let random = |seed: usize, len: usize| {
            let mut bytes = vec![0; len];
            blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
            bytes
        };
        // A copy has a random part of the moments, and a random number of other bits in each.
        let clip = |seed: usize| {
            let (bits, dense) =
                (random(seed / 50, 12 * 24), random(seed / 50 + 1_000_000, 12 * 24));
            let (choice, noise) = (random(seed + 2_000_000, 24), random(seed + 3_000_000, 12 * 24));
            let moment = |number: usize| {
                let mut bytes =
                    (u32::try_from(1000 * number + 500).unwrap()).to_le_bytes().to_vec();
                for at in 24 * number..24 * (number + 1) {
                    let byte = if seed.is_multiple_of(2) { bits[at] } else { bits[at] & dense[at] };
                    let is_other = !seed.is_multiple_of(50) && choice[number] < 100;
                    let flips =
                        if noise[at] < choice[12 + number] { 1 << (noise[at] % 8) } else { 0 };
                    bytes.push(if is_other { noise[at] } else { byte ^ flips });
                }
                bytes
            };
            let fingerprint: Vec<u8> = (0..12).flat_map(moment).collect();
            Likeness::of(&fingerprint, 13.0, FPS).unwrap()
        };
        let clips: Vec<Likeness> = (0..400).map(clip).collect();
        let (mut same, mut skipped) = (0, 0);
        for one in &clips {
            for other in &clips {
                let (is_same, has_evidence) = (one.is_same(other), one.has_evidence(other));
                assert!(has_evidence || !is_same);
                same += usize::from(is_same);
                skipped += usize::from(!has_evidence);
            }
        }
        let all = clips.len() * clips.len();
        assert!(same > clips.len() && same < all / 4 && skipped > all / 2, "{same} {skipped}");
        let empty = Likeness { changes: vec![(0, 0); 3], ..clips[0].clone() };
        assert!(empty.has_evidence(&empty), "no changes are like no changes");
    }
}
