//! Pauses: what it means that a source shows no new frame for a while.
//!
//! A recorder with a variable frame rate writes no frame while nothing moves. Then the frame before
//! the pause is repeated, as in a recording with a constant rate, and the repeated frames are as
//! good as others. In other files, frames are missing: packets are lost, the recorder was too slow,
//! or the video has few frames per second. The picture after the pause tells which. If nothing
//! happened, it changes no more than from one sampled frame to the next. In a game on one screen,
//! that is so in any case. There it counts whether what moves goes on from where it was
//! ([`PauseJudge::resolve`]).

use std::collections::VecDeque;

use crate::analysis::{ChangedCells, Plane};
use crate::decode::Break;

/// A pause ends with more than this many times the usual change if frames are missing.
///
/// Measured on 2026-11-30 with SuperTux, alex4 and CoinRun, 60 places in each of eight videos. One
/// frame later, the change is above this in 2 % of places; 3 seconds later it is in 75 %. Where it
/// is not, the picture changes no more than it does all the time.
const UNUSUAL: f32 = 1.25;
/// The usual change while too few are known, in levels of 255.
const UNKNOWN: f32 = 4.0;
/// Number of changes from which on the usual one is known, and the number of them that count.
const ENOUGH: usize = 4;
const RECENT: usize = 16;
/// Smaller changes, in levels, come from encoding.
const NOTHING: f32 = 0.2;
/// Changes above this many times the median are cuts and flashes.
const OUTLIER: f32 = 4.0;
/// Largest share of cells that change in a game on one screen, from one sampled frame to the next.
///
/// Measured on 2026-12-01: at most 0.11 in levels of the sample game that do not scroll. In games
/// that scroll, one of 16 steps is above it.
const ONE_SCREEN: f32 = 0.15;
/// Largest share in a gap: what moved was in one place, and is in another one now.
const ONE_SCREEN_GAP: f32 = 0.2;
/// Share of the cells that change in a gap, from which on what moved there has moved away.
///
/// Measured on 2026-12-01 in ten videos (SuperTux, alex4, CoinRun, the sample game), 42 places in
/// each. Of 420 pauses, 2 count as missing. Of 210 times that three seconds were lost in levels of
/// the sample game that do not scroll, 101 do. Without the cells before the pause and their usual
/// number, it was 34 and 98.
const LEFT_BEHIND: f32 = 0.15;
/// A source with frames at most this many sampled frames apart can show every change.
const FAST_ENOUGH: f64 = 1.5;

/// A new frame after one that was sampled at least once.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// Number of times that the frame before was repeated.
    pub repeats: u64,
    /// Mean difference of the two pictures, in levels of 255.
    pub change: f32,
    /// Share of the cells that differ, 0 to 1.
    pub moved: f32,
    /// Time between the two, in sampled frames.
    pub ticks: f64,
    /// Number of source frames between the two, at least 1.
    pub natives: usize,
    pub before: Break,
}

/// What happened in a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    Idle,
    /// Perhaps something: the source has few frames per second.
    Slow,
    /// Something that is missing: a new shot begins.
    Missing,
    /// Nothing, or little that is missing: the next frame tells ([`PauseJudge::resolve`]).
    Unsure,
}

/// Judges the pauses of one source.
#[derive(Debug, Default)]
pub struct PauseJudge {
    /// Changes between sampled frames without a pause between them, without still ones.
    recent: VecDeque<f32>,
    /// The shares of cells that differ in these changes.
    moved: VecDeque<f32>,
    /// The source had frames in quick succession.
    is_fast: bool,
}

impl PauseJudge {
    /// Judges the time before a new frame.
    pub fn judge(&mut self, pause: Pause) -> Meaning {
        let is_short = pause.ticks / pause.natives.max(1) as f64 <= FAST_ENOUGH;
        self.is_fast |= is_short && pause.before == Break::None;
        let is_unusual = pause.change > UNUSUAL * self.usual();
        match pause.before {
            Break::Cut => Meaning::Missing,
            Break::Gap if is_unusual => Meaning::Missing,
            Break::Gap if pause.change < NOTHING => Meaning::Idle,
            Break::Gap => Meaning::Unsure,
            Break::None if pause.repeats == 0 => {
                self.add(&pause);
                Meaning::Idle
            }
            Break::None if self.is_fast && !is_unusual => Meaning::Idle,
            Break::None => Meaning::Slow,
        }
    }

    /// Judges a gap from the last two frames before it and the next two.
    ///
    /// What moves after a pause moved just before it, from the same place, and as far as always. If
    /// something is missing, it has moved away, and the place where it was changes no more.
    pub fn resolve(&self, [earlier, before, first, second]: [&Plane; 4]) -> Meaning {
        let gap = ChangedCells::between(before, first);
        let after = ChangedCells::between(first, second);
        if !self.is_one_screen() || gap.share() > ONE_SCREEN_GAP || after.share() > ONE_SCREEN_GAP {
            return Meaning::Idle;
        }
        let left = gap.left_behind(&ChangedCells::between(earlier, before), &after);
        let is_left = left as f32 >= LEFT_BEHIND * gap.count() as f32;
        let is_more = gap.share() > median(&self.moved);
        if is_left && is_more && gap.count() > 1 && after.count() > 0 {
            Meaning::Missing
        } else {
            Meaning::Idle
        }
    }

    /// Returns whether little of the picture changes at any time, as far as that is known.
    fn is_one_screen(&self) -> bool {
        self.moved.len() >= ENOUGH && self.moved.iter().all(|&share| share <= ONE_SCREEN)
    }

    /// Judges the time after the last frame.
    pub fn at_end(&self) -> Meaning {
        if self.is_fast { Meaning::Idle } else { Meaning::Slow }
    }

    fn add(&mut self, pause: &Pause) {
        if pause.change >= NOTHING {
            self.recent.push_back(pause.change);
            self.moved.push_back(pause.moved);
            if self.recent.len() > RECENT {
                self.recent.pop_front();
                self.moved.pop_front();
            }
        }
    }

    /// The second largest of the recent changes, without cuts and flashes.
    fn usual(&self) -> f32 {
        if self.recent.len() < ENOUGH {
            return UNKNOWN;
        }
        let mut sorted: Vec<f32> = self.recent.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let most = OUTLIER * median(&self.recent);
        sorted.retain(|change| *change <= most);
        sorted[sorted.len().saturating_sub(2)]
    }
}

/// Returns the upper median; 0 if there are no values.
fn median(values: &VecDeque<f32>) -> f32 {
    let mut sorted: Vec<f32> = values.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{clip, plain, world};

    /// A source of 30 frames per second, sampled at 10, with a change of 2 levels per frame.
    fn playing() -> PauseJudge {
        let mut judge = PauseJudge::default();
        (0..20).for_each(|_| _ = judge.judge(steady(2.0)));
        judge
    }

    fn steady(change: f32) -> Pause {
        Pause { repeats: 0, change, moved: 0.05, ticks: 1.0, natives: 3, before: Break::None }
    }

    fn gap(change: f32) -> Pause {
        Pause { repeats: 50, change, moved: 0.1, ticks: 51.0, natives: 1, before: Break::Gap }
    }

    /// Catches: a recorder that writes no frame while nothing moves loses its clips; stills stand
    /// for lost packets; a cut before the pause hides what is missing.
    #[test]
    fn the_picture_tells_whether_something_is_missing() {
        assert_eq!(playing().judge(gap(0.1)), Meaning::Idle);
        assert_eq!(playing().judge(gap(1.5)), Meaning::Unsure);
        assert_eq!(playing().judge(gap(6.0)), Meaning::Missing);
        let mut after_cut = playing();
        after_cut.judge(steady(60.0));
        assert_eq!(after_cut.judge(gap(6.0)), Meaning::Missing);
        let mut at_start = PauseJudge::default();
        assert_eq!(
            [gap(1.5), gap(20.0)].map(|gap| at_start.judge(gap)),
            [Meaning::Unsure, Meaning::Missing]
        );
    }

    /// Catches: two flashes before a gap hide what is missing.
    #[test]
    fn flashes_are_not_the_usual_change() {
        let mut flashed = playing();
        for change in [80.0, 80.0, 2.0, 80.0, 80.0] {
            flashed.judge(steady(change));
        }
        assert_eq!(flashed.judge(gap(6.0)), Meaning::Missing);
    }

    /// Catches: a new clock in the same scene does not end the clip.
    #[test]
    fn a_cut_is_a_cut_without_a_change() {
        let cut = Pause { before: Break::Cut, ..gap(0.0) };
        assert_eq!(playing().judge(cut), Meaning::Missing);
    }

    /// Catches: the repeated frames of a slow video count as frames, or those of a recorder that
    /// repeats nothing do not.
    #[test]
    fn a_slow_video_is_not_idle() {
        let held = |change| Pause { repeats: 1, ticks: 2.0, natives: 1, ..steady(change) };
        let mut slow = PauseJudge::default();
        assert!((0..20).all(|_| slow.judge(held(0.5)) == Meaning::Slow));
        assert_eq!(playing().judge(held(1.0)), Meaning::Idle);
        assert_eq!(playing().judge(held(8.0)), Meaning::Slow, "the recorder stuttered");
        assert_eq!([slow.at_end(), playing().at_end()], [Meaning::Slow, Meaning::Idle]);
    }

    /// A still world with a figure whose left edge is at a column.
    fn figure(x: usize) -> Plane {
        let figure = plain(160, 90, [250, 240, 30]);
        let frames = clip([world(1, 160, 90, 0, 0).over(&figure, x..x + 10, 40..54)]);
        Plane::of(&frames.data, 160, 90)
    }

    /// Catches: a pause of a game on one screen ends the clip, or lost seconds do not.
    ///
    /// A pause of a game that scrolls ends the clip, because its ground repeats.
    #[test]
    fn in_a_game_on_one_screen_the_place_tells() {
        let meaning = |judge: &PauseJudge, columns: [usize; 4]| {
            let planes = columns.map(figure);
            judge.resolve([&planes[0], &planes[1], &planes[2], &planes[3]])
        };
        let mut judge = playing();
        judge.moved.iter_mut().for_each(|share| *share = 0.01);
        assert_eq!(meaning(&judge, [36, 40, 44, 48]), Meaning::Idle);
        assert_eq!(meaning(&judge, [36, 40, 110, 114]), Meaning::Missing);
        assert_eq!(meaning(&PauseJudge::default(), [36, 40, 110, 114]), Meaning::Idle, "unknown");
        assert_eq!(meaning(&judge, [40, 40, 110, 114]), Meaning::Idle, "it did not move before");
        judge.moved[3] = 0.3;
        assert_eq!(meaning(&judge, [36, 40, 110, 114]), Meaning::Idle, "it scrolls");
    }
}
