//! Where one shot of a recording ends and the next begins, so that no clip spans a cut.
//!
//! Two rules, on the small luma picture ([`Plane`]) of every sampled frame:
//! - **Cut.** The change from the frame before, after the best translation of the whole picture is undone and grain is
//!   averaged away, is at least [`LEAST`] levels and stands out: [`TIMES`] the change at the two frames on either side.
//!   So neither fast scrolling, nor noise, nor a picture that jumps all the time is cut to pieces. Two such changes in
//!   a row are a cut when the picture does not come back (a blended frame at the cut) and none when it does (a flash).
//! - **Fade.** A plain picture of whatever colour, black or white above all, that lasts at least two frames is a shot
//!   of its own: a boundary where it becomes plain and one where it stops being so. A single plain frame is a boundary
//!   when what comes after differs from what was before.
//!
//! Cross-fades and wipes are not found. A cut within four frames of another may be missed.

use std::collections::VecDeque;

use super::plane::Plane;
use super::shift::Shift;

/// The least change of a cut, in levels of 255. Between different games a cut comes to 25 and more; between levels of
/// one, 641 of 647 reach this (CoinRun, 64×64). A quick camera reaches it too, in several frames at once.
const LEAST: f32 = 10.0;

/// How far a cut stands out against the frames around it.
const TIMES: f32 = 2.5;

/// The most that a repeated frame changes, in levels, for its encoding. Before the frame in question the last two
/// changes that are more count, however long ago: so in a recording of few frames a second, each shown several times,
/// not every one is a cut.
const REPEATED: f32 = 0.5;

/// Of such a recording, how many times a frame is shown at most: the last boundary counts with them for so long.
const SLOWEST: usize = 4;

/// A picture is plain when no two of its pixels are further apart than this, in levels; a plain one stays so up to the
/// second.
const PLAIN: (u8, u8) = (24, 32);

/// Frames to either side that an answer depends on.
const REACH: usize = 2;

/// Finds the shots of one stream of equal-sized frames, fed in order.
#[derive(Default)]
pub struct ShotDetector {
    /// The frames around the one that is answered next: those before it at most [`REACH`].
    seen: VecDeque<FrameChange>,
    /// Place in `seen` of the frame that is answered next.
    next: usize,
    last_shift: Shift,
    /// The last two changes before the frame in question that were no boundaries and more than a repeated frame's.
    moves: [f32; 2],
    /// The change at the last boundary, and how many frames ago that was.
    boundary: (f32, usize),
}

struct FrameChange {
    plane: Plane,
    /// From the frame before; 0 for the first.
    change: f32,
    plain: bool,
}

impl ShotDetector {
    /// An answer concerns the frame pushed so many frames ago.
    pub const LOOKAHEAD: usize = REACH;

    /// Takes the next frame. From the third on, answers for the frame [`Self::LOOKAHEAD`] frames back: whether a new
    /// shot begins with it. The very first frame begins one.
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

    /// The answers that are still owed: one for each of the last [`Self::LOOKAHEAD`] frames, or fewer if fewer were
    /// pushed.
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

    /// The change between two frames around the one in question; 0 past the ends.
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

    /// The frames with which a shot begins.
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

    /// Would catch a cut that is a frame early or late, or lost among the last frames, for which nothing follows to
    /// compare with.
    #[test]
    fn hard_cuts_are_found_where_they_are() {
        assert_eq!(shots((0..60).map(|i| play(i as u64 / 20, i))), [0, 20, 40]);
        assert_eq!(shots((0..12).map(|i| play(u64::from(i == 11), i))), [0, 11]);
        assert_eq!(shots((0..1).map(|i| play(1, i))), [0]);
        assert_eq!(shots([]), [0_usize; 0]);
    }

    /// Would catch fast scrolling, a jump of the camera after scrolling, or a fast fall taken for a cut.
    #[test]
    fn fast_scrolling_is_no_cut() {
        assert_eq!(
            shots((0_isize..40).map(|i| world(1, 160, 90, (i % 20 - 10).abs() * 24, i / 20 * 16))),
            [0]
        );
        assert_eq!(shots((0..40).map(|i| world(1, 64, 64, i / 10 * 10, i * 8))), [0]);
    }

    /// Would catch an explosion that ends a clip.
    #[test]
    fn a_flash_is_no_cut() {
        let flash = |i| if i == 20 { plain(160, 90, [255, 255, 255]) } else { play(1, i) };
        assert_eq!(shots((0..40).map(flash)), [0]);
        let negative = |i| if i == 20 { play(1, i).dimmed(|p, _| 255 - p) } else { play(1, i) };
        assert_eq!(shots((0..40).map(negative)), [0]);
    }

    /// Would catch a cut that is missed because a change of frame rate blended the two pictures at it.
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

    /// Would catch a clip that spans a fade through black or white, and a fade that is cut at every frame.
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

    /// Would catch a rule of a fixed difference, which cuts noise and jumping patterns at every frame.
    #[test]
    fn what_always_changes_is_not_cut_to_pieces() {
        assert_eq!(shots((0..40).map(|i| noise(i, 160, 90))), [0]);
        assert!(shots((0..40).map(|i| play(i, 0))).len() <= 2);
    }

    /// Would catch a slow recording, each of whose frames is shown three times, that is cut wherever something moves.
    #[test]
    fn repeated_frames_do_not_make_motion_stand_out() {
        let figure = plain(160, 90, [250, 240, 30]);
        let jump = |i: usize| play(1, 0).over(&figure, i / 3 % 2 * 80..i / 3 % 2 * 80 + 60, 0..70);
        assert!(shots((0..60).map(jump)).len() <= 2);
    }
}
