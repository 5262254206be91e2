//! Finds where one shot ends and the next begins, so that no clip spans a cut.
//!
//! Two rules apply to the small luma picture ([`Plane`]) of every sampled frame:
//! - **Cut.** The change from the previous frame is measured after the best translation of the
//!   whole picture is undone and grain is averaged away. A cut has a change of at least [`LEAST`]
//!   levels and at least [`TIMES`] the change at the two frames on either side. So fast scrolling,
//!   noise, or a picture that jumps all the time does not give many cuts. Two such changes in a row
//!   are a cut if the picture does not return (a blended frame at the cut), and no cut if it
//!   returns (a flash).
//! - **Fade.** A plain picture of any colour, mostly black or white, that lasts at least two frames
//!   is a shot of its own. One boundary is where it becomes plain, another where it ends. A single
//!   plain frame is a boundary if the next picture differs from the previous one.
//!
//! Cross-fades and wipes are not found. A cut within four frames of another may be missed.

use std::collections::VecDeque;

use super::plane::Plane;
use super::shift::Shift;

/// Smallest change of a cut, in levels of 255.
///
/// A cut between different games has 25 levels or more. Of 647 cuts between levels of one game, 641
/// reach this value (CoinRun, 64×64). A quick camera reaches it too, but in several consecutive
/// frames.
const LEAST: f32 = 10.0;

/// A cut's change is at least this many times the changes around it.
const TIMES: f32 = 2.5;

/// Largest change of a repeated frame, in levels, which its encoding causes.
///
/// The last two larger changes before the examined frame count, however long ago they were. So a
/// recording with few frames per second, each shown several times, does not get a cut at every new
/// frame.
const REPEATED: f32 = 0.5;

/// Largest number of times that such a recording shows a frame.
///
/// The change at the last boundary counts for this many frames.
const SLOWEST: usize = 4;

/// Largest luma range of a plain picture, in levels. A plain picture stays plain up to the second.
const PLAIN: (u8, u8) = (24, 32);

/// Number of frames on each side that an answer depends on.
const REACH: usize = 2;

/// Finds the shots of one stream of equal-sized frames, given in order.
#[derive(Default)]
pub struct ShotDetector {
    /// The frames around the next one to answer; at most [`REACH`] of them come before it.
    seen: VecDeque<FrameChange>,
    /// Index in `seen` of the next frame to answer.
    next: usize,
    last_shift: Shift,
    /// The last two changes before the examined frame, without boundaries and repeated frames.
    moves: [f32; 2],
    /// The change at the last boundary, and the number of frames since then.
    boundary: (f32, usize),
}

struct FrameChange {
    plane: Plane,
    /// Change from the previous frame; 0 for the first frame.
    change: f32,
    plain: bool,
}

impl ShotDetector {
    /// An answer is about the frame that was pushed this many frames ago.
    pub const LOOKAHEAD: usize = REACH;

    /// Takes the next frame. From the third frame on, returns an answer.
    ///
    /// The answer is whether a new shot begins with the frame [`Self::LOOKAHEAD`] frames back. The
    /// first frame begins a shot.
    pub fn push(&mut self, plane: Plane) -> Option<bool> {
        let (mut change, mut limit) = (0.0, PLAIN.0);
        if let Some(before) = self.seen.back() {
            let (shift, _) = plane.shift_from(&before.plane, self.last_shift);
            self.last_shift = shift;
            change = plane.cell_difference(&before.plane, shift);
            limit = if before.plain { PLAIN.1 } else { PLAIN.0 };
        }
        let plain = plane.range() <= limit;
        self.seen.push_back(FrameChange { plane, change, plain });
        (self.seen.len() > self.next + Self::LOOKAHEAD).then(|| self.answer())
    }

    /// Returns the remaining answers, for the last [`Self::LOOKAHEAD`] frames.
    ///
    /// There are fewer answers if fewer frames were pushed.
    pub fn finish(mut self) -> impl Iterator<Item = bool> {
        std::iter::from_fn(move || (self.next < self.seen.len()).then(|| self.answer()))
    }

    fn answer(&mut self) -> bool {
        let answer = self.next == 0 || self.cut() || self.fade();
        let change = self.change(0);
        self.boundary.1 += 1;
        if answer {
            self.boundary = (change, 0);
        } else if change >= REPEATED {
            self.moves = [self.moves[1], change];
        }
        if self.next == REACH {
            self.seen.pop_front();
        } else {
            self.next += 1;
        }
        answer
    }

    fn cut(&self) -> bool {
        let [before, last, now, next, after] = [-2, -1, 0, 1, 2].map(|offset| self.change(offset));
        let boundary = if self.boundary.1 < SLOWEST { self.boundary.0 } else { 0.0 };
        let around =
            self.moves.into_iter().chain([boundary, before, last, after]).fold(0.0, f32::max);
        let outstanding = |change: f32, around: f32| change >= LEAST.max(TIMES * around);
        if outstanding(now, around.max(next)) {
            return true;
        }
        outstanding(now, around) && outstanding(next, around) && self.between(-1, 1) >= 2.0 * LEAST
    }

    fn fade(&self) -> bool {
        match [-2, -1, 0, 1].map(|offset| self.at(offset).is_some_and(|seen| seen.plain)) {
            [_, false, true, true] | [true, true, false, _] => true,
            [_, false, true, false] => self.between(-2, 2) >= LEAST,
            _ => false,
        }
    }

    fn at(&self, offset: isize) -> Option<&FrameChange> {
        self.seen.get(self.next.checked_add_signed(offset)?)
    }

    fn change(&self, offset: isize) -> f32 {
        self.at(offset).map_or(0.0, |seen| seen.change)
    }

    /// Returns the change between two frames around the examined one; 0 beyond the ends.
    fn between(&self, earlier: isize, later: isize) -> f32 {
        let (Some(a), Some(b)) = (self.at(earlier), self.at(later)) else { return 0.0 };
        let (shift, _) = b.plane.shift_from(&a.plane, Shift::NONE);
        b.plane.cell_difference(&a.plane, shift)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::analysis::synthetic::{TestPicture, noise, plain, world};

    /// Returns the frames with which a shot begins.
    fn shots(pictures: impl IntoIterator<Item = TestPicture>) -> Vec<usize> {
        let mut detector = ShotDetector::default();
        let (mut answers, mut count) = (Vec::new(), 0);
        for picture in pictures {
            answers.extend(detector.push(picture.plane()));
            count += 1;
            assert_eq!(answers.len(), count.max(ShotDetector::LOOKAHEAD) - ShotDetector::LOOKAHEAD);
        }
        answers.extend(detector.finish());
        assert_eq!(answers.len(), count, "one answer a frame");
        answers.iter().enumerate().filter_map(|(i, &begins)| begins.then_some(i)).collect()
    }

    /// Frame `i` of play in level `seed`.
    fn play(seed: u64, i: usize) -> TestPicture {
        world(seed, 160, 90, i.cast_signed() * 5, 0)
    }

    /// Catches: a cut is one frame early or late, or is lost at the end because no frames follow.
    #[test]
    fn hard_cuts_are_found_where_they_are() {
        assert_eq!(shots((0..60).map(|i| play(i as u64 / 20, i))), [0, 20, 40]);
        assert_eq!(shots((0..12).map(|i| play(u64::from(i == 11), i))), [0, 11]);
        assert_eq!(shots((0..1).map(|i| play(1, i))), [0]);
        assert_eq!(shots([]), [0_usize; 0]);
    }

    /// Catches: fast scrolling, a camera jump after scrolling, or a fast fall counts as a cut.
    #[test]
    fn fast_scrolling_is_no_cut() {
        assert_eq!(
            shots((0_isize..40).map(|i| world(1, 160, 90, (i % 20 - 10).abs() * 24, i / 20 * 16))),
            [0]
        );
        assert_eq!(shots((0..40).map(|i| world(1, 64, 64, i / 10 * 10, i * 8))), [0]);
    }

    /// Catches: an explosion ends a clip.
    #[test]
    fn a_flash_is_no_cut() {
        let flash = |i| if i == 20 { plain(160, 90, [255, 255, 255]) } else { play(1, i) };
        assert_eq!(shots((0..40).map(flash)), [0]);
        let negative = |i| if i == 20 { play(1, i).dimmed(|p, _| 255 - p) } else { play(1, i) };
        assert_eq!(shots((0..40).map(negative)), [0]);
    }

    /// Catches: a cut is missed because a frame-rate conversion blended two pictures at the cut.
    #[test]
    fn a_blended_frame_does_not_hide_a_cut() {
        let dark = |i| play(7, i).dimmed(|p, _| p / 4);
        let bright = |i| play(2, i).dimmed(|p, _| 255 - p / 4);
        let blend = |i| {
            let bright = bright(i);
            dark(i).dimmed(|p, at| p.midpoint(bright.at(at)))
        };
        let frames = (0..40_usize).map(|i| match i.cmp(&20) {
            Ordering::Less => dark(i),
            Ordering::Equal => blend(i),
            Ordering::Greater => bright(i),
        });
        assert_eq!(shots(frames), [0, 20]);
    }

    /// Catches: a clip spans a fade through black or white, or a fade is cut at every frame.
    #[test]
    fn a_fade_makes_the_plain_stretch_a_shot() {
        let level =
            |i: usize| if i < 24 { 20_usize.saturating_sub(i) } else { (i - 24).min(16) }.min(16);
        for plain in [0, 255] {
            let fade =
                |i: usize| play(u64::from(i >= 24), i).dimmed(|p, _| mix(plain, p, level(i)));
            let found = shots((0..60).map(fade));
            assert_eq!(found.len(), 3, "{found:?}");
            assert!((18..=20).contains(&found[1]) && (25..=28).contains(&found[2]), "{found:?}");
        }
    }

    fn mix(plain: u8, p: u8, sixteenths: usize) -> u8 {
        let sum = usize::from(plain) * (16 - sixteenths) + usize::from(p) * sixteenths;
        u8::try_from(sum / 16).unwrap()
    }

    /// Catches: a fixed threshold cuts noise and jumping patterns at every frame.
    #[test]
    fn constant_change_is_no_cut() {
        assert_eq!(shots((0..40).map(|i| noise(i, 160, 90))), [0]);
        assert!(shots((0..40).map(|i| play(i, 0))).len() <= 2);
    }

    /// Catches: a slow recording that shows each frame three times is cut at every motion.
    #[test]
    fn repeated_frames_do_not_make_motion_stand_out() {
        let figure = plain(160, 90, [250, 240, 30]);
        let jump = |i: usize| play(1, 0).over(&figure, i / 3 % 2 * 80..i / 3 % 2 * 80 + 60, 0..70);
        assert!(shots((0..60).map(jump)).len() <= 2);
    }
}
