//! A clip's perceptual hash: robust to re-encoding, scaling and small colour changes.
//!
//! The hash describes the moments of a clip at which it moves most: the local maxima of the motion.
//! These moments follow from the pictures alone. So a copy that starts later has the same moments
//! at other times, and a mirrored copy has them at the same times.
//!
//! A moment has two sets of bits, both from the small luma picture. The first has a bit for each
//! place where the picture becomes brighter from left to right, and another bit where it becomes
//! darker. Differences below [`EDGE`] set no bit, so plain sky gives no information instead of
//! chance. The second has a bit for each cell of the picture that changes more than others around
//! the moment. The first set distinguishes levels, the second distinguishes play.
//!
//! [`super::resemblance`] compares two fingerprints.

use super::plane::Plane;

/// Number of bytes of a moment: its time, edges and changes.
const BYTES: usize = 4 + 16 + 8;

/// Cells along each side of the picture.
const SIDE: usize = 8;

/// Smallest difference of two neighbouring cells that is an edge, in 1/256 of a level.
const EDGE: u32 = 2 * 256;

/// Smallest mean change of two neighbouring frames that counts, in 1/256 of a level.
const CHANGE: u32 = 128;

/// Smallest mean change at a moment, in 1/256 of a level.
const MOVES: u64 = 51;

/// Time on each side in which a moment moves most, in seconds.
const REACH: f64 = 0.3;

/// Time on each side whose changes a moment describes, in seconds.
const AROUND: f64 = 0.5;

/// Length of the shortest clip with a fingerprint, in seconds.
///
/// The first steps in a level look alike for all players.
const SHORTEST: f64 = 3.2;

/// A moment with fewer edges, or fewer changes, cannot distinguish clips.
const LEAST_BITS: (u32, u32) = (6, 3);

/// A clip with fewer moments has no fingerprint.
pub const LEAST_MOMENTS: usize = 4;

/// What a clip looks like at one of the times at which it moves most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MotionPeak {
    /// Time since the clip's first frame, in milliseconds.
    pub time: u32,
    /// Where the picture becomes brighter to the right, and where darker: a byte for each row.
    pub edges: [u64; 2],
    /// Cells that change more than the mean of all cells: a byte for each row.
    pub changes: u64,
}

impl MotionPeak {
    /// The same moment of a mirrored clip.
    pub fn mirrored(self) -> Self {
        let [brighter, darker] = self.edges;
        // The bits of each byte in reverse order.
        let mirror = |rows: u64| rows.reverse_bits().swap_bytes();
        Self { edges: [mirror(darker), mirror(brighter)], changes: mirror(self.changes), ..self }
    }

    fn bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&self.time.to_le_bytes());
        for (part, word) in [self.edges[0], self.edges[1], self.changes].into_iter().enumerate() {
            bytes[4 + part * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn of_bytes(bytes: &[u8; BYTES]) -> Self {
        let word =
            |first: usize| bytes[first..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let time = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        Self { time, edges: [word(4), word(12)], changes: word(20) }
    }

    fn is_informative(&self) -> bool {
        let [brighter, darker] = self.edges.map(u64::count_ones);
        brighter + darker >= LEAST_BITS.0 && self.changes.count_ones() >= LEAST_BITS.1
    }
}

/// Computes the fingerprint of a clip from its small pictures, `fps` of them per second.
///
/// The result is empty if there is too little information: the clip is short, still or plain.
pub fn fingerprint(planes: &[Plane], fps: f64) -> Vec<u8> {
    if (planes.len() as f64) < SHORTEST * fps {
        return Vec::new();
    }
    let frames = |seconds: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and the value is positive"
        )]
        let frames = (seconds * fps).round() as usize;
        frames.max(1)
    };
    let changes = changes(planes);
    let (reach, around) = (frames(REACH), frames(AROUND));
    let described = most_moving(&changes, reach).into_iter().map(|pair| {
        let frame = pair + 1;
        let around = frame.saturating_sub(around)..changes.len().min(frame + around);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and the value is positive"
        )]
        let time = (frame as f64 * 1000.0 / fps).round() as u32;
        MotionPeak {
            time,
            edges: edges_of(&planes[pair..=pair + 2]),
            changes: changing(&changes[around]),
        }
    });
    let moments: Vec<MotionPeak> = described.filter(MotionPeak::is_informative).collect();
    if moments.len() < LEAST_MOMENTS {
        return Vec::new();
    }
    moments.into_iter().flat_map(MotionPeak::bytes).collect()
}

/// The moments of a fingerprint; none if the bytes are not one.
pub fn moments(fingerprint: &[u8]) -> Vec<MotionPeak> {
    let (moments, rest) = fingerprint.as_chunks::<BYTES>();
    if !rest.is_empty() {
        return Vec::new();
    }
    moments.iter().map(MotionPeak::of_bytes).collect()
}

/// The change of each cell between neighbouring frames, in 1/256 of a level.
fn changes(planes: &[Plane]) -> Vec<Vec<u32>> {
    let grids: Vec<Vec<u32>> = planes.iter().map(|plane| plane.grid(SIDE, SIDE)).collect();
    let change = |pair: &[Vec<u32>]| {
        pair[0].iter().zip(&pair[1]).map(|(before, now)| before.abs_diff(*now)).collect()
    };
    grids.windows(2).map(change).collect()
}

/// The pairs of frames whose smoothed change is the largest within `reach` pairs.
///
/// Pairs at the clip's ends are left out, because a copy that starts elsewhere has others there.
fn most_moving(changes: &[Vec<u32>], reach: usize) -> Vec<usize> {
    let sums: Vec<u64> =
        changes.iter().map(|cells| cells.iter().map(|&cell| u64::from(cell)).sum()).collect();
    let at = |pair: Option<usize>| pair.and_then(|pair| sums.get(pair)).copied().unwrap_or(0);
    let smooth: Vec<u64> = (0..sums.len())
        .map(|pair| at(pair.checked_sub(1)) + 2 * sums[pair] + at(Some(pair + 1)))
        .collect();
    let least = 4 * MOVES * (SIDE * SIDE) as u64;
    let largest = |&pair: &usize| {
        let (from, to) = (pair.saturating_sub(reach), smooth.len().min(pair + reach + 1));
        let this = smooth[pair];
        // Of equal neighbours, the first one counts.
        this > least
            && smooth[from..pair].iter().all(|other| *other < this)
            && smooth[pair + 1..to].iter().all(|other| *other <= this)
    };
    (2..smooth.len().saturating_sub(2)).filter(largest).collect()
}

/// Returns where the mean picture becomes brighter to the right, and where darker, a bit per cell.
fn edges_of(planes: &[Plane]) -> [u64; 2] {
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
    [brighter, darker]
}

/// Returns which cells change more than the mean of all cells, a bit per cell.
fn changing(changes: &[Vec<u32>]) -> u64 {
    let mut sums = [0_u32; SIDE * SIDE];
    for cells in changes {
        for (sum, change) in sums.iter_mut().zip(cells) {
            *sum = sum.saturating_add(*change);
        }
    }
    let mean = sums.iter().map(|&sum| u64::from(sum)).sum::<u64>() / sums.len() as u64;
    let least = mean.max(u64::from(CHANGE) * changes.len() as u64);
    sums.iter().fold(0, |bits, &sum| bits << 1 | u64::from(u64::from(sum) > least))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{TestPicture, noise, plain, world};

    const FPS: f64 = 10.0;

    fn of(pictures: impl IntoIterator<Item = TestPicture>) -> Vec<u8> {
        let planes: Vec<Plane> = pictures.into_iter().map(|picture| picture.plane()).collect();
        fingerprint(&planes, FPS)
    }

    /// Where the camera is in frame `i`: it moves in jerks, so that there are moments.
    fn camera(i: usize) -> isize {
        (i / 5 * 16 + [0, 1, 5, 12, 15][i % 5]).cast_signed()
    }

    /// Play in level 1.
    fn play(frames: usize) -> impl Iterator<Item = TestPicture> {
        (0..frames).map(|i| world(1, 160, 90, camera(i), 0))
    }

    /// Catches: all still, plain or short clips count as near-duplicates of each other.
    #[test]
    fn a_clip_with_too_little_information_has_no_fingerprint() {
        assert!(of((0..80).map(|_| plain(160, 90, [0, 0, 0]))).is_empty());
        assert!(of((0..80).map(|_| world(1, 160, 90, 0, 0))).is_empty());
        assert!(of((0..80).map(|i| noise(i, 1, 1))).is_empty());
        assert!(of(play(31)).is_empty());
        assert!(!of(play(60)).is_empty());
        assert!(of([]).is_empty());
    }

    /// Catches: a moment is written and read in different ways; bytes of another format are read.
    #[test]
    fn moments_are_read_as_they_were_written() {
        let bytes = of(play(60));
        let found = moments(&bytes);
        assert!((8..=12).contains(&found.len()), "a moment in every half second: {}", found.len());
        assert_eq!(found.iter().flat_map(|moment| moment.bytes()).collect::<Vec<u8>>(), bytes);
        assert!(found.windows(2).all(|pair| pair[0].time < pair[1].time));
        assert_eq!(moments(&bytes[1..]), []);
        assert_eq!(moments(&[]), []);
    }

    /// Catches: the mirrored moment is not that of the mirrored picture.
    ///
    /// The small picture has 72 columns, so all cells have the same size.
    #[test]
    fn a_mirrored_moment_is_that_of_the_mirrored_picture() {
        let play = || (0..60).map(|i| world(1, 144, 80, camera(i), 0));
        let mirrored = moments(&of(play().map(|picture| picture.mirrored())));
        let found = moments(&of(play()));
        assert!(found.len() >= LEAST_MOMENTS);
        assert_eq!(found.into_iter().map(MotionPeak::mirrored).collect::<Vec<_>>(), mirrored);
    }

    /// Catches: a clip of another rate has moments at other times.
    #[test]
    fn times_do_not_depend_on_the_rate() {
        let slow = moments(&of(play(60)));
        let planes: Vec<Plane> =
            play(60).flat_map(|picture| [picture.plane(), picture.plane()]).collect();
        let fast = moments(&fingerprint(&planes, 2.0 * FPS));
        let near = |time: u32| fast.iter().any(|moment| moment.time.abs_diff(time) <= 100);
        assert!(slow.iter().filter(|moment| near(moment.time)).count() * 10 >= slow.len() * 8);
    }
}
