//! A clip's perceptual hash: the same, but for a few bits, after another encoding, scaling or slight change of colours, and another
//! one for other play, even in the same level.
//!
//! Two parts, from the small luma picture of each frame, over eighths of the clip: where the picture in the middle of the eighth gets
//! brighter and where darker from left to right (differences under [`EDGE`] are neither, so that plain sky is no information rather
//! than chance), and which parts of the picture changed more than others meanwhile. The first tells levels apart, the second play.
//!
//! The distance is the share of set bits that differ, so that a dark level with three lamps is not near every other. Measured on
//! 2026-11-25 over clips of 160 frames, in thousandths: re-encodings at most 180; other episodes, of 24 591 pairs of
//! CoinRun at 64×64, at least 291; another time in the same level, at least 408.

use crate::scores::Plane;

/// Bytes of a fingerprint.
pub const BYTES: usize = EIGHTHS * (16 + 8);

/// Two clips of the same number of frames, give or take one, show the same play up to this [`distance`].
pub const NEAR: u32 = 225;

/// Clips of fewer frames have none: the first steps in a level look alike whoever plays.
const LEAST_FRAMES: usize = 32;

const EIGHTHS: usize = 8;

/// Parts along each side of the picture.
const SIDE: usize = 8;

/// The least difference of two neighbouring parts that is an edge, and of two neighbouring frames that is a change; in 1/256 of a
/// level.
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
        let changed = changes_of(&planes[start.saturating_sub(1)..end]);
        changes[eighth * 8..][..8].copy_from_slice(&changed.to_le_bytes());
    }
    let enough = ones(edges) >= LEAST_BITS && ones(changes) >= LEAST_BITS;
    enough.then_some(bytes)
}

/// How different two fingerprints are, 0 to 1000: the share of the bits set in either that are not set in both, the mean of that of
/// edges and that of changes. What are not fingerprints of this format are as different as can be.
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
    let ((edges_a, changes_a), (edges_b, changes_b)) = (a.split_at(EIGHTHS * 16), b.split_at(EIGHTHS * 16));
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
