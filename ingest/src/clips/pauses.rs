//! Pauses: what it means that a source shows no new frame for a while.
//!
//! A recorder with a variable frame rate writes no frame while nothing moves. Then the frame before
//! the pause is repeated, as in a recording with a constant rate, and the repeated frames are as
//! good as others. In other files, frames are missing: packets are lost, the recorder was too slow,
//! or the video has few frames per second. The picture after the pause tells which. If nothing
//! happened, it changes no more than from one sampled frame to the next. In a game on one screen,
//! that is so in any case. There it counts whether what moves goes on from where it was.

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
const ONE_SCREEN: f32 = 0.2;
/// Share of the cells that change in a gap, from which on what moved there has moved away.
///
/// Measured on 2026-12-01 with the sample game: 0.35 to 0.67 after three lost seconds, and 0 after
/// a pause.
const LEFT_BEHIND: f32 = 0.25;
/// A source with frames at most this many sampled frames apart can show every change.
const FAST_ENOUGH: f64 = 1.5;

/// A new frame after one that was sampled at least once.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    /// Number of times that the frame before was repeated.
    pub repeats: u64,
    /// Mean difference of the two pictures, in levels of 255.
    pub change: f32,
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
                self.add(pause.change);
                Meaning::Idle
            }
            Break::None if self.is_fast && !is_unusual => Meaning::Idle,
            Break::None => Meaning::Slow,
        }
    }

    /// Judges a gap from the frame before it and the next two frames.
    ///
    /// What moves after a pause moved just before it, from the same place. If something is missing,
    /// it has moved away, and the place where it was changes no more.
    pub fn resolve([before, first, second]: [&Plane; 3]) -> Meaning {
        let gap = ChangedCells::between(before, first);
        let after = ChangedCells::between(first, second);
        if gap.share() > ONE_SCREEN || after.share() > ONE_SCREEN {
            return Meaning::Idle;
        }
        let is_left = gap.far_from(&after) as f32 >= LEFT_BEHIND * gap.count() as f32;
        if is_left && gap.count() > 1 && after.count() > 0 {
            Meaning::Missing
        } else {
            Meaning::Idle
        }
    }

    /// Judges the time after the last frame.
    pub fn at_end(&self) -> Meaning {
        if self.is_fast { Meaning::Idle } else { Meaning::Slow }
    }

    fn add(&mut self, change: f32) {
        if change >= NOTHING {
            self.recent.push_back(change);
            if self.recent.len() > RECENT {
                self.recent.pop_front();
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
        let most = OUTLIER * sorted[sorted.len() / 2];
        sorted.retain(|change| *change <= most);
        sorted[sorted.len().saturating_sub(2)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source of 30 frames per second, sampled at 10, with a change of 2 levels per frame.
    fn playing() -> PauseJudge {
        let mut judge = PauseJudge::default();
        (0..20).for_each(|_| _ = judge.judge(steady(2.0)));
        judge
    }

    fn steady(change: f32) -> Pause {
        Pause { repeats: 0, change, ticks: 1.0, natives: 3, before: Break::None }
    }

    fn gap(change: f32) -> Pause {
        Pause { repeats: 50, change, ticks: 51.0, natives: 1, before: Break::Gap }
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
        let held =
            |change| Pause { repeats: 1, change, ticks: 2.0, natives: 1, before: Break::None };
        let mut slow = PauseJudge::default();
        assert!((0..20).all(|_| slow.judge(held(0.5)) == Meaning::Slow));
        assert_eq!(playing().judge(held(1.0)), Meaning::Idle);
        assert_eq!(playing().judge(held(8.0)), Meaning::Slow, "the recorder stuttered");
        assert_eq!([slow.at_end(), playing().at_end()], [Meaning::Slow, Meaning::Idle]);
    }
}
