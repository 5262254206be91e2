//! A clip's perceptual hash: the same, but for a few bits, after another encoding, scaling or slight change of colours,
//! and another one for other play, even in the same level.
//!
//! Two parts, from the small luma picture of each frame, over eighths of the clip: where the picture in the middle of
//! the eighth gets brighter and where darker from left to right (differences under [`EDGE`] are neither, so that plain
//! sky is no information rather than chance), and which parts of the picture changed more than others meanwhile. The
//! first tells levels apart, the second play.
//!
//! The distance is the share of set bits that differ, so that a dark level with three lamps is not near every other.
//! Measured on 2026-11-25 over clips of 160 frames, in thousandths: re-encodings at most 202; other episodes, of 24 712
//! pairs of CoinRun and the sample game at 64×64, at least 291; another time in the same level, at least 391. Over
//! clips of 64 frames: 215 and 251; there a player who stands twice in the same place is near himself.

use super::plane::Plane;

/// Bytes of a fingerprint.
pub const BYTES: usize = EIGHTHS * (16 + 8);

/// Two clips of the same number of frames, give or take one, show the same play up to this [`distance`].
pub const NEAR: u32 = 235;

/// Clips of fewer frames have none: the first steps in a level look alike whoever plays.
const LEAST_FRAMES: usize = 32;

const EIGHTHS: usize = 8;

/// Parts along each side of the picture.
const SIDE: usize = 8;

/// The least difference of two neighbouring parts that is an edge, and of two neighbouring frames that is a change; in
/// 1/256 of a level.
const EDGE: u32 = 2 * 256;
const CHANGE: u32 = 128;

/// A part with fewer set bits cannot tell one clip from another.
const LEAST_BITS: u32 = 24;

/// Of a clip's small pictures; `None` where there is too little to go by: a short clip, a still or a plain one.
pub fn fingerprint(planes: &[Plane]) -> Option<[u8; BYTES]> {
    if planes.len() < LEAST_FRAMES {
        return None;
    }
    let mut bytes = [0; BYTES];
    let (edges, changes) = bytes.split_at_mut(EIGHTHS * 16);
    for eighth in 0..EIGHTHS {
        let middle = (2 * eighth + 1) * planes.len() / (2 * EIGHTHS);
        let (brighter, darker) = edges_of(&planes[middle - 1..=middle + 1]);
        edges[eighth * 16..][..8].copy_from_slice(&brighter.to_le_bytes());
        edges[eighth * 16 + 8..][..8].copy_from_slice(&darker.to_le_bytes());
        let (start, end) = (eighth * planes.len() / EIGHTHS, (eighth + 1) * planes.len() / EIGHTHS);
        let moved = changes_of(&planes[start.saturating_sub(1)..end]);
        changes[eighth * 8..][..8].copy_from_slice(&moved.to_le_bytes());
    }
    let enough = ones(edges) >= LEAST_BITS && ones(changes) >= LEAST_BITS;
    enough.then_some(bytes)
}

/// How different two fingerprints are, 0 to 1000: the share of the bits set in either that are not set in both, the
/// mean of that of edges and that of changes. What are not fingerprints of this format are as different as can be.
pub fn distance(a: &[u8], b: &[u8]) -> u32 {
    if a.len() != BYTES || b.len() != BYTES {
        return 1000;
    }
    let share = |a: &[u8], b: &[u8]| {
        let (mut different, mut either) = (0, 0);
        for (a, b) in words(a).zip(words(b)) {
            different += (a ^ b).count_ones();
            either += (a | b).count_ones();
        }
        different * 1000 / either.max(1)
    };
    let ((edges_a, changes_a), (edges_b, changes_b)) =
        (a.split_at(EIGHTHS * 16), b.split_at(EIGHTHS * 16));
    u32::midpoint(share(edges_a, edges_b), share(changes_a, changes_b))
}

/// Where the mean picture gets brighter to the right, and where darker: a bit for each part.
fn edges_of(planes: &[Plane]) -> (u64, u64) {
    let mut sums = [0_u32; (SIDE + 1) * SIDE];
    for plane in planes {
        for (sum, part) in sums.iter_mut().zip(plane.grid(SIDE + 1, SIDE)) {
            *sum += part;
        }
    }
    let margin = EDGE * u32::try_from(planes.len()).unwrap_or(1);
    let (mut brighter, mut darker) = (0, 0);
    for row in sums.chunks_exact(SIDE + 1) {
        for pair in row.windows(2) {
            brighter = brighter << 1 | u64::from(pair[1] > pair[0] + margin);
            darker = darker << 1 | u64::from(pair[0] > pair[1] + margin);
        }
    }
    (brighter, darker)
}

/// Which parts change more than the mean of all: a bit for each.
fn changes_of(planes: &[Plane]) -> u64 {
    let grids: Vec<Vec<u32>> = planes.iter().map(|plane| plane.grid(SIDE, SIDE)).collect();
    let mut sums = [0_u32; SIDE * SIDE];
    for pair in grids.windows(2) {
        for ((sum, before), now) in sums.iter_mut().zip(&pair[0]).zip(&pair[1]) {
            *sum = sum.saturating_add(before.abs_diff(*now));
        }
    }
    let mean = sums.iter().map(|&sum| u64::from(sum)).sum::<u64>() / sums.len() as u64;
    let least = mean.max(u64::from(CHANGE) * grids.len() as u64);
    sums.iter().fold(0, |bits, &sum| bits << 1 | u64::from(u64::from(sum) > least))
}

/// Bytes, eight at a time.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word))
}

fn ones(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| byte.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{TestPicture, noise, plain, world};

    fn of(pictures: impl IntoIterator<Item = TestPicture>) -> Option<[u8; BYTES]> {
        fingerprint(&pictures.into_iter().map(|picture| picture.plane()).collect::<Vec<_>>())
    }

    /// Play in level `seed`: to the right, and up and down by turns of `turn` frames.
    fn play(
        seed: u64,
        turn: usize,
        width: usize,
        height: usize,
    ) -> impl Iterator<Item = TestPicture> {
        let scale = move |pixels: usize| (pixels * width / 160).cast_signed();
        (0..80).map(move |i| world(seed, width, height, scale(i * 4), scale(i / turn % 2 * 24)))
    }

    fn between(a: Option<[u8; BYTES]>, b: Option<[u8; BYTES]>) -> u32 {
        distance(&a.expect("enough to go by"), &b.expect("enough to go by"))
    }

    /// Would catch a hash of pixels rather than of the picture: another size, brightness or a little grain makes
    /// another clip of it.
    #[test]
    fn a_copy_is_near() {
        let original = of(play(1, 20, 160, 90));
        assert_eq!(between(original, of(play(1, 20, 160, 90))), 0);
        assert!(between(original, of(play(1, 20, 320, 180))) <= NEAR);
        let brighter = play(1, 20, 160, 90).map(|picture| picture.dimmed(|p, _| 10 + p / 10 * 9));
        assert!(between(original, of(brighter)) <= NEAR / 2);
        let grain = (0..).zip(play(1, 20, 160, 90)).map(|(i, picture)| {
            let grain = noise(i, 160, 90);
            picture.dimmed(|p, at| p.saturating_add(grain.at(at) / 32))
        });
        assert!(between(original, of(grain)) <= NEAR / 2);
    }

    /// Would catch a hash of the level alone, or of the motion alone.
    #[test]
    fn another_level_and_other_play_are_not_near() {
        let original = of(play(1, 20, 160, 90));
        assert!(between(original, of(play(2, 20, 160, 90))) > 2 * NEAR);
        let figure = plain(160, 90, [250, 240, 30]);
        let single_screen = |at: fn(usize) -> usize| {
            let figure = figure.clone();
            of((0..80)
                .map(move |i| world(1, 160, 90, 0, 0).over(&figure, at(i)..at(i) + 16, 30..60)))
        };
        assert!(between(single_screen(|i| i), single_screen(|i| 140 - i)) > NEAR);
    }

    /// Would catch every still, plain or short clip being a copy of every other.
    #[test]
    fn too_little_to_go_by_has_no_fingerprint() {
        assert_eq!(of((0..80).map(|_| plain(160, 90, [0, 0, 0]))), None);
        assert_eq!(of((0..80).map(|_| world(1, 160, 90, 0, 0))), None);
        assert_eq!(of(play(1, 20, 160, 90).take(LEAST_FRAMES - 1)), None);
        assert!(of(play(1, 20, 160, 90).take(LEAST_FRAMES)).is_some());
        assert_eq!(of((0..80).map(|i| noise(i, 1, 1))), None);
    }

    /// Would catch a row of another format that is near to everything.
    #[test]
    fn bytes_that_are_no_fingerprint_are_far() {
        assert_eq!(distance(&[], &[]), 1000);
        assert_eq!(distance(&[0; BYTES], &[0; BYTES - 1]), 1000);
    }
}
