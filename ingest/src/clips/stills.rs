//! Stretches of a shot in which the picture stands still for long.
//!
//! They show no play: a pause, a menu, a loading screen, or a frozen recording. A small part of the
//! picture may move, such as a cursor that blinks, and a key frame may draw all of the picture a
//! little differently. They are cut out, so that the play before and after them is kept. A player
//! may also move in a small part only, but then the pictures do not repeat. The first frame of a
//! stretch stays in the clip before it, because it shows what the last action did. If the shot
//! begins with the stretch, the first frame belongs to it.

use super::stretch::Stretch;
use crate::analysis::scores;
use crate::config::{MAX_OWN_FPS, clip_frames};

/// Number of blocks, of 8 × 8, that may move in a still picture.
///
/// Measured on 2026-11-30 in 183 recordings of play (SuperTux, alex4, CoinRun, the sample game):
/// the longest time in which so few blocks move is 1.6 s.
const MOVING_BLOCKS: u32 = 2;
/// Largest number of different pictures of what moves in a still picture, beside the first.
///
/// A cursor blinks and a sign turns through the same pictures again. A player in a small part of
/// the picture looks different each time.
const MOST_STATES: usize = 16;
/// A pulse is a small change of the whole picture: less than this in each block, in levels of 255.
///
/// A key frame of a still picture is one: it has no errors of the frames before it. Measured on
/// 2026-11-30 with x264 at 160 × 90 pixels: at most 5.1, and real movement is far above it.
const PULSE: f32 = 8.0;
/// Shortest time between two pulses, in seconds. A slow fade changes more often.
const BETWEEN_PULSES: f64 = 1.0;

/// Finds still stretches in the frames of one source, given in order.
///
/// `F` is a frame, and its bytes are `[height, width, 3]`.
pub struct StillFinder<F> {
    /// Shortest stretch that is cut out, in seconds; 0 means none.
    limit: f64,
    /// Largest number of repeats of a short stretch, so that no time stamps fill the memory.
    most: usize,
    /// Width and height of the frames.
    size: (usize, usize),
    /// The frame that the next ones are compared with.
    reference: Option<F>,
    /// The blocks that moved since the reference, one bit for each.
    moved: u64,
    /// Different pictures since the reference, as far as something moved.
    states: Vec<F>,
    /// Time of the last pulse in this stretch.
    pulse: Option<f64>,
    /// Repeats of the reference so far, if their stretch is still short.
    held: Vec<F>,
    /// Time of the first repeat, in seconds.
    since: f64,
    is_still: bool,
}

impl<F: AsRef<[u8]> + Clone> StillFinder<F> {
    /// A finder for frames of `size` (width, height).
    pub fn new(limit: f64, size: (usize, usize)) -> Self {
        let most = clip_frames(limit, MAX_OWN_FPS);
        Self {
            limit,
            most,
            size,
            reference: None,
            moved: 0,
            states: Vec::new(),
            pulse: None,
            held: Vec::new(),
            since: 0.0,
            is_still: false,
        }
    }

    /// Takes the next frame, at `time` in seconds.
    pub fn add(&mut self, frame: F, time: f64) -> Stretch<F> {
        let reference = self.reference.as_ref().filter(|_| self.limit > 0.0);
        let moved = reference.map_or(u64::MAX, |reference| {
            let (before, now) = (reference.as_ref(), frame.as_ref());
            self.moved | scores::moved_blocks(before, now, self.size, MOVING_BLOCKS)
        });
        let is_large = moved.count_ones() > MOVING_BLOCKS;
        if is_large || moved > 0 && self.is_lively(&frame) {
            let is_pulse = is_large && self.is_pulse(&frame, time);
            self.pulse = is_pulse.then_some(time);
            self.reference = (self.limit > 0.0).then(|| frame.clone());
            self.moved = 0;
            self.states.clear();
            if is_pulse {
                return self.hold(frame, time);
            }
            self.is_still = false;
            let mut play = std::mem::take(&mut self.held);
            play.push(frame);
            return Stretch::Play(play);
        }
        self.moved = moved;
        self.hold(frame, time)
    }

    /// Returns whether more than [`MOST_STATES`] different pictures came. A cursor has fewer.
    fn is_lively(&mut self, frame: &F) -> bool {
        let is_same =
            |state: &F| scores::moved_blocks(state.as_ref(), frame.as_ref(), self.size, 0) == 0;
        if !self.states.iter().chain(&self.reference).any(is_same) {
            self.states.push(frame.clone());
        }
        self.states.len() > MOST_STATES
    }

    /// Returns whether a frame of a stretch is only a key frame of the same picture.
    fn is_pulse(&self, frame: &F, time: f64) -> bool {
        let Some(reference) = &self.reference else { return false };
        let is_in_stretch = self.is_still || !self.held.is_empty();
        let is_rare = self.pulse.is_none_or(|pulse| time - pulse >= BETWEEN_PULSES);
        let change = || scores::largest_change(reference.as_ref(), frame.as_ref(), self.size);
        is_in_stretch && is_rare && change() < PULSE
    }

    /// Takes a frame that shows the same as the reference.
    fn hold(&mut self, frame: F, time: f64) -> Stretch<F> {
        if self.is_still {
            return Stretch::CutOut(vec![frame]);
        }
        if self.held.is_empty() {
            self.since = time;
        }
        self.held.push(frame);
        if time - self.since < self.limit && self.held.len() < self.most {
            return Stretch::Unknown;
        }
        self.is_still = true;
        Stretch::CutOut(std::mem::take(&mut self.held))
    }

    /// Ends the shot. Returns the frames that are play after all.
    pub fn end(&mut self) -> Vec<F> {
        (self.reference, self.pulse, self.is_still) = (None, None, false);
        self.states.clear();
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (usize, usize) = (16, 8);

    /// Feeds grey frames, ten per second. Returns for each whether it is still.
    fn stills(greys: impl IntoIterator<Item = u8>, limit: f64) -> Vec<bool> {
        let mut finder = StillFinder::new(limit, SIZE);
        let greys: Vec<u8> = greys.into_iter().collect();
        let mut found: Vec<(u8, bool)> = Vec::new();
        for (number, grey) in greys.iter().enumerate() {
            match finder.add(vec![*grey; SIZE.0 * SIZE.1 * 3], number as f64 / 10.0) {
                Stretch::Unknown => {}
                Stretch::Play(frames) => found.extend(frames.iter().map(|f| (f[0], false))),
                Stretch::CutOut(frames) => found.extend(frames.iter().map(|f| (f[0], true))),
            }
        }
        found.extend(finder.end().iter().map(|frame| (frame[0], false)));
        assert!(found.iter().map(|(grey, _)| *grey).eq(greys), "in order, once each");
        found.into_iter().map(|(_, still)| still).collect()
    }

    /// Catches: a short pause is cut out; a stretch is off by a frame; play after it is lost.
    #[test]
    fn long_stretches_are_still_and_short_ones_are_play() {
        let play = |frames: u8| (0..frames).map(|i| i * 5);
        let frozen = |frames: usize| std::iter::repeat_n(200, frames);
        let found = stills(play(10).chain(frozen(40)).chain(play(10)), 2.0);
        let expected: Vec<bool> = (0..60).map(|frame| (11..50).contains(&frame)).collect();
        assert_eq!(found, expected);
        assert!(!stills(play(10).chain(frozen(20)).chain(play(10)), 2.0).contains(&true));
        assert!(!stills(play(10).chain(frozen(40)), 0.0).contains(&true), "turned off");
        assert_eq!(stills(frozen(30), 2.0).iter().filter(|still| **still).count(), 29);
    }

    /// Catches: a pause with a cursor that blinks is play; a figure that walks is not.
    #[test]
    fn a_small_part_may_move() {
        let stills = |white: &dyn Fn(usize) -> usize| {
            let mut finder = StillFinder::new(2.0, SIZE);
            let mut is_still = false;
            for number in 0..40 {
                let mut frame = vec![7_u8; SIZE.0 * SIZE.1 * 3];
                frame[white(number) * 3..][..3].fill(255);
                is_still |= matches!(finder.add(frame, number as f64 / 10.0), Stretch::CutOut(_));
            }
            is_still
        };
        assert!(stills(&|number| number / 3 % 2));
        assert!(!stills(&|number| number / 2 % 16));
    }

    /// Catches: a player who stays in a small part of the screen is cut out, or a sign that turns
    /// is not.
    #[test]
    fn what_repeats_is_no_play() {
        // Two blocks have one of eight levels each.
        let stills = |levels: &dyn Fn(usize) -> [usize; 2]| {
            let mut finder = StillFinder::new(2.0, SIZE);
            let mut is_still = false;
            for number in 0..200 {
                let mut frame = vec![7_u8; SIZE.0 * SIZE.1 * 3];
                for (block, level) in levels(number).into_iter().enumerate() {
                    frame[4 * block * 3..][..3].fill(u8::try_from(level % 8 * 30).unwrap());
                }
                is_still |= matches!(finder.add(frame, number as f64 / 10.0), Stretch::CutOut(_));
            }
            is_still
        };
        assert!(stills(&|number| [number, 0]));
        assert!(!stills(&|number| [number, number / 8]));
    }

    /// Catches: a key frame in the middle of a frozen picture divides it into two short pauses; a
    /// flicker that repeats, or a change of the picture, is taken for such a key frame.
    #[test]
    fn a_key_frame_does_not_end_a_still_stretch() {
        let frozen = |changes: &[u8]| changes.iter().flat_map(|grey| vec![*grey; 15]).collect();
        let stills = |greys: Vec<u8>| stills(greys, 2.0).iter().filter(|still| **still).count();
        assert_eq!(stills(frozen(&[100, 105, 102])), 44);
        assert_eq!(stills(frozen(&[100, 130, 100])), 0);
        assert_eq!(stills((0..60).map(|frame| 100 + frame / 4 % 2 * 5).collect()), 0);
    }

    /// Catches: a file with equal time stamps fills the memory with one still picture.
    #[test]
    fn equal_times_do_not_hold_frames_for_ever() {
        let mut finder = StillFinder::new(0.1, SIZE);
        let frame = || vec![7_u8; SIZE.0 * SIZE.1 * 3];
        let is_still = |found: &Stretch<Vec<u8>>| matches!(found, Stretch::CutOut(_));
        let found: Vec<_> = (0..60).map(|_| finder.add(frame(), 0.0)).collect();
        assert_eq!(found.iter().position(is_still), Some(24));
        assert!(found[24..].iter().all(is_still));
    }

    /// Catches: a picture that changes slowly counts as still, because neighbours are alike.
    #[test]
    fn slow_motion_is_play() {
        assert!(!stills(0..100, 2.0).contains(&true));
    }
}
