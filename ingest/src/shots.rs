//! Where one shot of a recording ends and the next begins, so that no clip spans a cut.
//!
//! Two rules, on the small luma picture ([`Plane`]) of every sampled frame:
//! - **Cut.** The change from the frame before, after the best translation of the whole picture is undone and grain is averaged
//!   away, is at least [`LEAST`] levels and stands out: [`TIMES`] the change at the two frames on either side. So neither fast
//!   scrolling, nor noise, nor a picture that jumps all the time is cut to pieces. Two such changes in a row are a cut when
//!   the picture does not come back (a blended frame at the cut) and none when it does (a flash).
//! - **Fade.** A plain picture of whatever colour, black or white above all, that lasts at least two frames is a shot of its own: a
//!   boundary where it becomes plain and one where it stops being so. A single plain frame is a boundary when what comes
//!   after differs from what was before.
//!
//! Cross-fades and wipes are not found. A cut within two frames of another may be missed.

use std::collections::VecDeque;

use crate::scores::plane::Plane;
use crate::scores::shift::Shift;

/// The least change of a cut, in levels of 255. Highest without a cut, over 6 games: 11; lowest of a cut between games: 25.
const LEAST: f32 = 10.0;

/// How far a cut stands out against the frames around it.
const TIMES: f32 = 2.5;

/// The most that a repeated frame changes, in levels, for its encoding. Before the frame in question the last two changes that are
/// more count, however long ago: so in a recording of few frames a second, each shown several times, not every one is a cut.
const REPEATED: f32 = 0.5;

/// A picture is plain when no two of its pixels are further apart than this, in levels; a plain one stays so up to the second.
const PLAIN: (u8, u8) = (24, 32);

/// Frames to either side that an answer depends on.
const REACH: usize = 2;

/// Finds the shots of one stream of equal-sized frames, fed in order.
#[derive(Default)]
pub struct ShotDetector {
    /// The frames around the one that is answered next: those before it at most [`REACH`].
    seen: VecDeque<Seen>,
    /// Place in `seen` of the frame that is answered next.
    next: usize,
    last_shift: Shift,
    /// The last two changes before the frame in question that were no boundaries and more than a repeated frame.
    moves: [f32; 2],
}

struct Seen {
    plane: Plane,
    /// From the frame before; 0 for the first.
    change: f32,
    plain: bool,
}

impl ShotDetector {
    /// An answer concerns the frame pushed so many frames ago.
    pub const LOOKAHEAD: usize = REACH;

    /// Takes the next frame. From the third on, answers for the frame [`Self::LOOKAHEAD`] frames back: whether a new shot
    /// begins with it. The very first frame begins one.
    pub fn push(&mut self, plane: Plane) -> Option<bool> {
        let (mut change, mut limit) = (0.0, PLAIN.0);
        if let Some(before) = self.seen.back() {
            let (shift, _) = plane.shift_from(&before.plane, self.last_shift);
            self.last_shift = shift;
            change = plane.cell_difference(&before.plane, shift);
            limit = if before.plain { PLAIN.1 } else { PLAIN.0 };
        }
        let plain = plane.range() <= limit;
        self.seen.push_back(Seen { plane, change, plain });
        (self.seen.len() > self.next + Self::LOOKAHEAD).then(|| self.answer())
    }

    /// The answers that are still owed: one for each of the last [`Self::LOOKAHEAD`] frames, or fewer if fewer were pushed.
    pub fn finish(mut self) -> impl Iterator<Item = bool> {
        std::iter::from_fn(move || (self.next < self.seen.len()).then(|| self.answer()))
    }

    fn answer(&mut self) -> bool {
        let answer = self.next == 0 || self.cut() || self.fade();
        let change = self.change(0);
        if !answer && change >= REPEATED {
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
        let around = self.moves.into_iter().chain([before, last, after]).fold(0.0, f32::max);
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

    fn at(&self, offset: isize) -> Option<&Seen> {
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
