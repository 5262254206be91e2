//! Frames that were lost without a trace but a hole in the time stamps.
//!
//! The codecs of [`SILENT`] do not number their frames. A hole in the time stamps may be a loss.
//! Then the frames after it add their changes to the wrong picture. Or the recorder wrote no frame,
//! because nothing moved or because it was too slow. Then nothing is wrong with them. The pictures
//! tell, and only if the clock is otherwise constant:
//! - The next key frame repairs the picture: it changes far more than the frames around it do, and
//!   it still shows the same scene.
//! - The hole is short, the picture moves before and after it, and changes in the hole as in a
//!   single step. If the recorder had been too slow, it would change as in several.
//!
//! Finding this out takes two passes over the file before it is decoded: one over the times of its
//! packets, and, only if they have holes, one over its pictures.

mod clock;
mod pictures;

use std::collections::VecDeque;

pub use self::clock::{HoledClock, PacketTimes};
use self::pictures::{difference, likeness, median};

/// Codecs, by FFmpeg's names, whose frames refer to others and have no numbers.
const SILENT: [&str; 14] = [
    "vp8",
    "vp9",
    "theora",
    "flv1",
    "h263",
    "h263p",
    "mpeg4",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4v3",
    "wmv1",
    "wmv2",
    "wmv3",
    "vp6f",
];
/// Longest short hole, in seconds. While nothing moves, a recorder is silent for longer.
const SHORT_SECONDS: f64 = 0.5;
/// Smallest change from frame to frame that is motion, in levels of 255.
const MOTION: f32 = 0.4;
/// A key frame repairs the picture if it changes by more than this many times the usual change.
///
/// It must also change by [`REPAIR_LEVELS`] more than that.
///
/// Measured on 2026-12-01 in seven codecs. In a scene of SuperTux with little motion, key frames
/// change by 7.7 to 30 levels after nine or ninety lost frames. After a recorder was too slow or
/// idle, they change by 0.6 to 3.8 levels, as all key frames do. While the picture scrolls fast,
/// both are alike, so nothing is found.
const REPAIR: f32 = 2.5;
/// In levels of 255, see [`REPAIR`].
const REPAIR_LEVELS: f32 = 1.5;
/// Likeness of two pictures of a scene, one of them smeared, and of two whole ones.
const SAME_SCENE: f32 = 0.45;
const UNCHANGED: f32 = 0.8;
/// Number of steps before and after a frame that tell the usual change.
const AROUND: usize = 8;
/// Number of frames whose pictures are kept.
const KEPT: usize = 16;
/// Columns and rows of a picture at which its brightness is compared.
pub const POINTS: (usize, usize) = (64, 36);

/// Returns whether frames of a codec may be lost without an error.
pub fn is_silent(codec: &str) -> bool {
    SILENT.contains(&codec)
}

/// A hole in the times of the frames.
struct Hole {
    /// Number of the first frame after it.
    next: usize,
    /// Presentation time of the last frame before it.
    before: i64,
    is_short: bool,
    /// The change of the picture in as many steps as the hole has, before it.
    longer: f32,
}

/// Finds lost frames from the pictures of all frames of a file, in presentation order.
pub struct SilentLosses {
    clock: HoledClock,
    /// Half a second, in time-base units.
    short: i64,
    last: Option<i64>,
    pictures: VecDeque<Vec<u8>>,
    /// For each frame, the change from the one before it, in levels of 255.
    changes: Vec<f32>,
    /// Numbers of key frames, and how much the picture looks like the one before it.
    keys: Vec<(usize, f32)>,
    holes: Vec<Hole>,
}

impl SilentLosses {
    /// `second` is a second, in time-base units.
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    pub fn new(clock: HoledClock, second: i64) -> Self {
        Self {
            clock,
            short: (second as f64 * SHORT_SECONDS) as i64,
            last: None,
            pictures: VecDeque::new(),
            changes: Vec::new(),
            keys: Vec::new(),
            holes: Vec::new(),
        }
    }

    /// Takes the next frame: its time and its brightness at [`POINTS`].
    pub fn frame(&mut self, pts: i64, is_key: bool, picture: Vec<u8>) {
        let change = self.pictures.back().map_or(0.0, |before| difference(before, &picture));
        let next = self.changes.len();
        let step = self.last.map_or(0, |last| pts.saturating_sub(last));
        if is_key {
            let likeness = self.pictures.back().map_or(0.0, |before| likeness(before, &picture));
            self.keys.push((next, likeness));
        } else if self.lacks_packets(pts, step) {
            let steps =
                usize::try_from(step / self.clock.usual.max(1)).unwrap_or(KEPT).min(KEPT - 1);
            let kept = self.pictures.len();
            let ago = self.pictures.get(kept.saturating_sub(1 + steps));
            let longer =
                ago.zip(self.pictures.back()).map_or(0.0, |(ago, now)| difference(ago, now));
            let (before, is_short) = (pts - step, step <= self.short);
            self.holes.push(Hole { next, before, is_short, longer });
        }
        self.changes.push(change);
        self.last = Some(pts);
        self.pictures.push_back(picture);
        if self.pictures.len() > KEPT {
            self.pictures.pop_front();
        }
    }

    /// Returns whether packets are missing in the step to a frame. A codec may also repeat a frame.
    fn lacks_packets(&self, pts: i64, step: i64) -> bool {
        self.clock.has_hole(pts, step)
    }

    /// Returns the times after which frames were lost, in ascending order.
    pub fn finish(self) -> Vec<i64> {
        let lost =
            self.holes.iter().filter(|hole| self.is_repaired(hole) || self.is_one_step(hole));
        lost.map(|hole| hole.before).collect()
    }

    /// Returns whether the key frame after a hole repairs the picture.
    fn is_repaired(&self, hole: &Hole) -> bool {
        let key = self.keys.iter().find(|(number, _)| *number > hole.next);
        let Some(&(key, likeness)) = key else { return false };
        let next = self.holes.iter().any(|other| other.next > hole.next && other.next < key);
        let usual = self.usual_after(key);
        let usual = self.usual_of_keys().map_or(2.0 * usual, |of_keys| of_keys.max(usual));
        !next && likeness >= SAME_SCENE && self.changes[key] > REPAIR * usual + REPAIR_LEVELS
    }

    /// The usual change at key frames in the same scene, if there are any but those after a hole.
    fn usual_of_keys(&self) -> Option<f32> {
        let mut after = 0;
        let mut is_plain = |&(key, likeness): &(usize, f32)| {
            let has_hole = self.holes.iter().any(|hole| (after..key).contains(&hole.next));
            after = key;
            !has_hole && likeness >= UNCHANGED
        };
        let plain = self.keys.iter().filter(|key| is_plain(key));
        let changes: Vec<f32> = plain.map(|&(key, _)| self.changes[key]).collect();
        (!changes.is_empty()).then(|| median(&changes))
    }

    /// Returns whether a short hole has the change of a single step, although the picture moves.
    fn is_one_step(&self, hole: &Hole) -> bool {
        let (before, after) = (self.usual_before(hole.next), self.usual_after(hole.next));
        let moves = before >= MOTION && after >= before / 4.0 && hole.longer >= 2.0 * before;
        let change = self.changes[hole.next];
        hole.is_short && moves && change <= before + 0.3 * (hole.longer - before)
    }

    /// The usual change of the frames before a frame.
    fn usual_before(&self, number: usize) -> f32 {
        median(&self.changes[number.saturating_sub(AROUND)..number])
    }

    /// The usual change of the frames after a frame.
    fn usual_after(&self, number: usize) -> f32 {
        let end = self.changes.len().min(number + 1 + AROUND);
        median(self.changes.get(number + 1..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of a sky that stays, and below it a wall that moved by this many pixels.
    fn wall(x: usize) -> Vec<u8> {
        let level = |at: usize| {
            let (column, row) = (at % POINTS.0, at / POINTS.0);
            let tile = ((column + x) / 4 * 7 + row / 4 * 13) % 23;
            match (row < POINTS.1 / 2, column < POINTS.0 / 2) {
                (true, true) => 20,
                (true, false) => 220,
                (false, _) => 90 + 3 * u8::try_from(tile).unwrap(),
            }
        };
        (0..POINTS.0 * POINTS.1).map(level).collect()
    }

    /// Feeds 120 frames, 33 ms each, of which those in `missing` are left out. Key frames every 50.
    ///
    /// `shown` gives what a frame shows.
    fn found(missing: std::ops::Range<usize>, shown: impl Fn(usize) -> Vec<u8>) -> Vec<i64> {
        let mut times = PacketTimes::default();
        let here = (0..120).filter(|number| !missing.contains(number));
        let pts = |number: usize| i64::try_from(number).unwrap() * 33;
        here.clone().for_each(|number| times.packet(Some(pts(number))));
        let clock = times.with_holes();
        assert_eq!(clock.is_some(), !missing.is_empty());
        let Some(clock) = clock else { return Vec::new() };
        assert_eq!(clock.usual, 33);
        let mut losses = SilentLosses::new(clock, 1000);
        here.for_each(|number| losses.frame(pts(number), number % 50 == 0, shown(number)));
        losses.finish()
    }

    /// Catches: frames that add their changes to the wrong picture count as whole; a recorder that
    /// was too slow, or wrote nothing while nothing moved, lost frames.
    #[test]
    fn the_pictures_tell_what_a_hole_is() {
        let lost = |missing: &std::ops::Range<usize>, number: usize| {
            // After a loss, the picture stays behind until the next key frame.
            let behind = (missing.end..missing.end.next_multiple_of(50)).contains(&number);
            wall(number - if behind { missing.len() } else { 0 })
        };
        let short = 60..68;
        assert_eq!(found(short.clone(), |number| lost(&short, number)), [59 * 33]);
        let long = 60..80;
        assert_eq!(found(long.clone(), |number| lost(&long, number)), [59 * 33], "it is repaired");
        let at_end = 105..110;
        assert_eq!(found(at_end.clone(), |number| lost(&at_end, number)), [104 * 33]);
        assert_eq!(found(60..68, wall), [0; 0], "too slow");
        let idle = |number: usize| wall(if number < 80 { number.min(59) } else { number - 20 });
        assert_eq!(found(60..80, idle), [0; 0], "idle");
        assert_eq!(found(0..0, wall), [0; 0]);
    }
}
