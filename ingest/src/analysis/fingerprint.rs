//! A clip's perceptual hash: robust to re-encoding, scaling and small colour changes.
//!
//! The hash of a re-encoded clip differs in a few bits. Different play has a different hash, even
//! in the same level.
//!
//! The hash has two parts, both from the small luma picture of each frame, over eighths of the
//! clip. The first part has a bit for each place where the picture in the middle of the eighth
//! becomes brighter from left to right, and another bit where it becomes darker. Differences below
//! [`EDGE`] set no bit, so plain sky gives no information instead of chance. The second part has a
//! bit for each cell of the picture that changes more than others during the eighth. The first part
//! distinguishes levels, the second distinguishes play.
//!
//! The distance is the share of set bits that differ. So a dark level with three lamps is not near
//! every other dark level. Measured on 2026-11-25 over clips of 160 frames, in thousandths:
//! re-encodings at most 202; other episodes, of 24 712 pairs of CoinRun and the sample game at
//! 64×64, at least 291; another time in the same level, at least 391. Over clips of 64 frames: 215
//! and 251. In such short clips, a player who stands twice in the same place has near hashes.

use super::plane::Plane;

/// Number of bytes of a fingerprint.
pub const BYTES: usize = EIGHTHS * (16 + 8);

/// Largest [`distance`] of two clips that show the same play.
///
/// The clips must have the same number of frames, or differ by one.
pub const NEAR: u32 = 235;

/// Shorter clips have no fingerprint: the first steps in a level look alike for all players.
const LEAST_FRAMES: usize = 32;

const EIGHTHS: usize = 8;

/// Cells along each side of the picture.
const SIDE: usize = 8;

/// Smallest difference of two neighbouring cells that is an edge, in 1/256 of a level.
const EDGE: u32 = 2 * 256;
/// Smallest change of two neighbouring frames that counts, in 1/256 of a level.
const CHANGE: u32 = 128;

/// A part with fewer set bits cannot distinguish clips.
const LEAST_BITS: u32 = 24;

/// Computes the fingerprint of a clip from its small pictures, one per frame.
///
/// Returns `None` if there is too little information: the clip is short, still or plain.
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

/// Returns the distance of two fingerprints, 0 to 1000.
///
/// Of the bits that are set in either fingerprint, it is the share that is not set in both. The
/// result is the mean of that share for edges and for changes. Bytes that are not fingerprints of
/// this format have distance 1000.
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

/// Returns where the mean picture becomes brighter to the right, and where darker, a bit per cell.
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

/// Returns which cells change more than the mean of all cells, a bit per cell.
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

/// Splits bytes into words of eight bytes.
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

    /// Play in level `seed`: it moves right, and up or down every `turn` frames.
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
        distance(&a.expect("a fingerprint"), &b.expect("a fingerprint"))
    }

    /// Catches: another size, brightness or a little grain gives a clip a different fingerprint.
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

    /// Catches: the fingerprint depends on the level alone, or on the motion alone.
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

    /// Catches: all still, plain or short clips count as near-duplicates of each other.
    #[test]
    fn a_clip_with_too_little_information_has_no_fingerprint() {
        assert_eq!(of((0..80).map(|_| plain(160, 90, [0, 0, 0]))), None);
        assert_eq!(of((0..80).map(|_| world(1, 160, 90, 0, 0))), None);
        assert_eq!(of(play(1, 20, 160, 90).take(LEAST_FRAMES - 1)), None);
        assert!(of(play(1, 20, 160, 90).take(LEAST_FRAMES)).is_some());
        assert_eq!(of((0..80).map(|i| noise(i, 1, 1))), None);
    }

    /// Catches: a row of another format is near to every clip.
    #[test]
    fn bytes_that_are_no_fingerprint_are_far() {
        assert_eq!(distance(&[], &[]), 1000);
        assert_eq!(distance(&[0; BYTES], &[0; BYTES - 1]), 1000);
    }
}
