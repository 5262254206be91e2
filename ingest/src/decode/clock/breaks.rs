//! Where the recording may be interrupted, by the times of its frames.

use super::steps::FrameSteps;
use crate::decode::event::Break;

/// Number of frames for which the demuxer's remark about missing data holds.
///
/// It may concern a frame that is shown a little before the last one.
const REMARK_FRAMES: u32 = 16;
/// A step of this many times the usual one is a gap if the decoder could not decode what is in it.
const ERROR_STEPS: i64 = 3;

/// Finds the breaks of one file. It sees every frame in presentation order.
pub struct BreakFinder {
    pub steps: FrameSteps,
    /// Presentation times at which an edit list joins two parts, the next one last.
    joins: Vec<i64>,
    /// Presentation time of the last frame.
    last: Option<i64>,
    /// Number of frames for which the last remark about missing data still holds.
    remark: u32,
    /// Number of frames for which the decoder's last error still holds.
    error: u32,
    /// The largest break since the last frame that a tick showed.
    pending: Break,
}

impl BreakFinder {
    /// `joins` are presentation times at which an edit list joins two parts, in ascending order.
    pub fn new(steps: FrameSteps, mut joins: Vec<i64>) -> Self {
        joins.reverse();
        Self { steps, joins, last: None, remark: 0, error: 0, pending: Break::None }
    }

    /// Records the next frame. `is_steady` is false if another clock begins with it.
    pub fn frame(&mut self, pts: i64, is_steady: bool) {
        if let Some(last) = self.last.replace(pts) {
            self.pending = self.pending.max(self.between(last, pts, is_steady));
        }
    }

    /// Returns the presentation time of the last frame.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Records that data are missing after about the last frame, if there is a gap.
    pub fn remark(&mut self) {
        self.remark = REMARK_FRAMES;
    }

    /// Records that the decoder could not decode frames before about the next one.
    pub fn error(&mut self) {
        self.error = REMARK_FRAMES;
    }

    /// Records that the recording is interrupted before the last frame.
    pub fn cut(&mut self) {
        self.pending = Break::Cut;
    }

    /// Returns the largest break since a tick showed a frame.
    pub fn pending(&self) -> Break {
        self.pending
    }

    /// Records that a tick shows a frame.
    pub fn shown(&mut self) {
        self.pending = Break::None;
    }

    fn between(&mut self, last: i64, pts: i64, is_steady: bool) -> Break {
        let interrupted = self.remark > 0;
        self.remark = self.remark.saturating_sub(1);
        let follows_error = self.error > 0;
        self.error = self.error.saturating_sub(1);
        if !is_steady {
            return Break::Cut;
        }
        let step = pts.saturating_sub(last);
        let is_gap = self.steps.is_gap(step);
        let is_lost = follows_error && step >= self.steps.usual().saturating_mul(ERROR_STEPS);
        self.steps.add(step);
        // A frame may come a little before a join, because the two have different units.
        let near = pts.saturating_add(self.steps.usual() / 2);
        let joins = self.joins.len();
        while self.joins.pop_if(|join| *join <= near).is_some() {}
        if self.joins.len() < joins || is_gap && interrupted || is_lost {
            Break::Cut
        } else if is_gap {
            Break::Gap
        } else {
            Break::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the breaks before frames at `times` in milliseconds, all of them shown.
    ///
    /// Another clock begins where `times` go back by half a second or on by a minute.
    fn breaks(times: &[i64], joins: &[i64]) -> Vec<Break> {
        let steps = FrameSteps::new((1, 1000), &[30.0]);
        let mut finder = BreakFinder::new(steps, joins.to_vec());
        let mut found = Vec::new();
        for &time in times {
            let last = finder.last().unwrap_or(time);
            finder.frame(time, (-499..=60_000).contains(&(time - last)));
            found.push(finder.pending());
            finder.shown();
        }
        found
    }

    /// Catches: a clock that starts again or jumps, a join of an edit list, or lost seconds are no
    /// break; the first frame or a small error in the times is one.
    #[test]
    fn breaks_are_where_the_times_say() {
        use Break::{Cut, Gap, None};
        assert_eq!(breaks(&[5000, 5033, 5067, 0, 33], &[]), [None, None, None, Cut, None]);
        assert_eq!(breaks(&[0, 33, 67, 7_200_000], &[]), [None, None, None, Cut]);
        assert_eq!(breaks(&[0, 33, 67, 3067, 3100], &[]), [None, None, None, Gap, None]);
        assert_eq!(breaks(&[0, 33, 67, 50, 100, 200], &[]), [None; 6]);
        assert_eq!(breaks(&[700, 733, 767, 0], &[]), [None, None, None, Cut]);
        assert_eq!(breaks(&[0, 33, 66, 100, 133], &[67]), [None, None, Cut, None, None]);
    }

    /// Catches: lost packets are a pause because the pictures before and after look alike, although
    /// the demuxer noticed the loss.
    #[test]
    fn a_remark_makes_a_gap_a_cut() {
        let mut finder = BreakFinder::new(FrameSteps::new((1, 1000), &[30.0]), Vec::new());
        for time in [0, 33, 67] {
            finder.frame(time, true);
        }
        finder.remark();
        finder.frame(100, true);
        assert_eq!(finder.pending(), Break::None, "no gap");
        finder.frame(3100, true);
        assert_eq!(finder.pending(), Break::Cut);
    }

    /// Catches: frames that could not be decoded become stills, or a single one ends the shot.
    #[test]
    fn an_error_makes_a_short_gap_a_cut() {
        let mut finder = BreakFinder::new(FrameSteps::new((1, 1000), &[30.0]), Vec::new());
        let mut at = |time: i64, follows_error: bool| {
            if follows_error {
                finder.error();
            }
            finder.frame(time, true);
            let pending = finder.pending();
            finder.shown();
            pending
        };
        for time in [0, 33, 67] {
            assert_eq!(at(time, false), Break::None);
        }
        assert_eq!(at(133, true), Break::None, "a single frame");
        assert_eq!(at(300, true), Break::Cut);
        assert_eq!(at(333, false), Break::None);
    }

    /// Catches: a break before a frame that no tick shows is forgotten.
    #[test]
    fn a_break_waits_for_a_shown_frame() {
        let mut finder = BreakFinder::new(FrameSteps::new((1, 1000), &[30.0]), Vec::new());
        let times = [(0, true), (33, true), (7_200_000, false), (7_200_033, true)];
        for (time, is_steady) in times {
            finder.frame(time, is_steady);
        }
        assert_eq!(finder.pending(), Break::Cut);
    }
}
