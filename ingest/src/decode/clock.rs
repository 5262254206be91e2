//! Sampling by presentation time: which frame is on the screen at each tick of a clock.
//!
//! At the source's own rate, the clock ticks once for every frame, when the frame appears. So every
//! frame is shown exactly once, whatever its time stamp is. This equals FFmpeg's `-fps_mode
//! passthrough`. The rest of this page is about a clock with a fixed rate.
//!
//! Tick k is k/fps seconds after the first shown frame. It shows the last frame whose presentation
//! time is not later than the tick. This equals FFmpeg's `setpts=PTS-STARTPTS,fps=FPS:round=up`,
//! frame for frame. FFmpeg's default is `round=near`, which reads up to half a tick ahead. Then the
//! frame at a tick could already show the next tick's action. The last tick is before the end of
//! the last frame. All arithmetic is exact.
//!
//! A gap repeats the frame before it, as a player does. (Clips have these frames only if nothing
//! happened in the gap.) A gap longer than [`MAX_GAP_SECONDS`] is a broken clock, not a pause. So
//! no time stamp can make ingest write a million frames. If time runs backwards by
//! [`MAX_REWIND_SECONDS`] or more, a new clock starts: another recording was joined to the first
//! one. In both cases the frame starts when the previous frame ends, and the new clock continues
//! from there. Single wrong time stamps are mended before ([`StampFilter`]).

mod breaks;
pub mod edits;
mod skip;
mod stamps;
mod steps;

use crate::config::SamplingRate;
pub use breaks::BreakFinder;
pub use skip::{Skips, Timing};
pub use stamps::StampFilter;
pub use steps::FrameSteps;

/// Longest pause in seconds that is filled with the frame before it.
pub const MAX_GAP_SECONDS: i64 = 60;

/// Shortest backward step in seconds that starts a new clock. A shorter one is a small error.
pub const MAX_REWIND_SECONDS: f64 = 0.5;

/// The clock of one source. It takes presentation times in presentation order.
#[derive(Clone, Debug)]
pub struct TickClock {
    /// The number of ticks in one time-base unit; `None` if every frame is one tick.
    ticks: Option<Ratio>,
    /// Presentation time of tick 0 on the current clock.
    start: Option<i64>,
    last: i64,
    max_gap: i64,
    max_rewind: i64,
    next_tick: i128,
}

/// `numerator / denominator`.
#[derive(Clone, Copy, Debug)]
struct Ratio {
    numerator: i128,
    denominator: i128,
}

impl TickClock {
    /// Creates a clock of a rate for time stamps in units of `time_base` seconds.
    ///
    /// A fixed rate is rounded to a thousandth of a tick per second.
    #[expect(clippy::cast_possible_truncation, reason = "a configured rate is at most 1000")]
    pub fn new(rate: SamplingRate, time_base: (i32, i32)) -> Self {
        let (unit, per) = (i64::from(time_base.0.max(1)), i64::from(time_base.1.max(1)));
        let ticks = match rate {
            SamplingRate::Own => None,
            SamplingRate::Fixed(fps) => Some(Ratio {
                numerator: i128::from((fps * 1000.0).round() as i64) * i128::from(unit),
                denominator: 1000 * i128::from(per),
            }),
        };
        Self {
            ticks,
            start: None,
            last: 0,
            max_gap: (MAX_GAP_SECONDS * per / unit).max(1),
            max_rewind: ((MAX_REWIND_SECONDS * per as f64 / unit as f64) as i64).max(1),
            next_tick: 0,
        }
    }

    /// Advances to a frame at `pts`. Returns how many ticks show the frame *before* it.
    ///
    /// `end` is the time when the previous frame would end. It may be any number for the first
    /// frame.
    pub fn advance(&mut self, pts: i64, end: i64) -> u64 {
        let first = self.start.is_none();
        let start = *self.start.get_or_insert(pts);
        if !first && !self.is_steady(self.last, pts) {
            let end = end.clamp(self.last, self.last.saturating_add(self.max_gap));
            self.start = Some(pts.saturating_sub(end.saturating_sub(start)));
        }
        self.last = pts;
        match self.ticks {
            Some(ticks) => self.show_until(ticks, pts),
            None => u64::from(!first),
        }
    }

    /// Returns the time from tick 0 to `pts` on the current clock.
    pub fn elapsed(&self, pts: i64) -> i64 {
        pts.saturating_sub(self.start.unwrap_or(pts))
    }

    /// Ends the last frame at `pts`. Returns how many more ticks show it.
    pub fn finish(&mut self, pts: i64) -> u64 {
        if self.start.is_none() {
            return 0;
        }
        let Some(ticks) = self.ticks else { return 1 };
        let end = pts.min(self.last.saturating_add(self.max_gap));
        // A frame is shown at least once, even if the file says that it lasts no time.
        let shown = self.show_until(ticks, end);
        if self.next_tick == 0 {
            self.next_tick = 1;
            return 1;
        }
        shown
    }

    /// Returns whether a tick shows a frame that is on the screen from `pts` until `next`.
    ///
    /// Uses the current clock. Returns `None` before there is one.
    pub fn shows(&self, pts: i64, next: i64) -> Option<bool> {
        let start = self.start?;
        let shows = |ticks: Ratio| ticks.first(start, pts) < ticks.first(start, next);
        Some(self.ticks.is_none_or(shows))
    }

    /// Returns whether a step from `before` to `after` keeps the current clock.
    pub fn is_steady(&self, before: i64, after: i64) -> bool {
        let passed = after.saturating_sub(before);
        passed <= self.max_gap && passed > -self.max_rewind
    }

    /// Returns whether a packet may belong to the current clock, by the latest time before it.
    ///
    /// Packets come in decoding order, so their times go back more than those of frames.
    pub fn may_belong(&self, latest: i64, pts: i64) -> bool {
        let passed = pts.saturating_sub(latest);
        passed <= self.max_gap && passed >= -2 * self.max_rewind
    }

    /// Returns the number of ticks before `pts` that are not shown yet.
    fn show_until(&mut self, ticks: Ratio, pts: i64) -> u64 {
        let ticks = (ticks.first(self.start.unwrap_or(pts), pts) - self.next_tick).max(0);
        self.next_tick += ticks;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }
}

impl Ratio {
    /// Returns the first tick that is not before `pts`. A frame exactly at a tick is shown by it.
    fn first(self, start: i64, pts: i64) -> i128 {
        let product = (i128::from(pts) - i128::from(start)) * self.numerator;
        product.div_euclid(self.denominator) + i128::from(product.rem_euclid(self.denominator) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the index of the frame that each tick shows, for frames at `times` and an end.
    fn sampled(fps: f64, time_base: (i32, i32), times: &[i64], end: i64) -> Vec<usize> {
        sampled_at(SamplingRate::Fixed(fps), time_base, times, end)
    }

    fn sampled_at(
        rate: SamplingRate,
        time_base: (i32, i32),
        times: &[i64],
        end: i64,
    ) -> Vec<usize> {
        let mut clock = TickClock::new(rate, time_base);
        let duration = i64::from(time_base.1) / i64::from(time_base.0) / 10;
        let mut shown = Vec::new();
        for (index, &time) in times.iter().enumerate() {
            let end = times[index.saturating_sub(1)].saturating_add(duration);
            let ticks = clock.advance(time, end);
            shown.extend(std::iter::repeat_n(
                index.wrapping_sub(1),
                usize::try_from(ticks).unwrap(),
            ));
        }
        let ticks = clock.finish(end);
        shown.extend(std::iter::repeat_n(times.len() - 1, usize::try_from(ticks).unwrap()));
        shown
    }

    /// Catches: an off-by-one error mixes two actions in one interval.
    #[test]
    fn thirty_to_ten_takes_every_third_from_the_first() {
        let times: Vec<i64> = (0..12).map(|frame| frame * 512).collect();
        assert_eq!(sampled(10.0, (1, 15360), &times, 12 * 512), [0, 3, 6, 9]);
    }

    /// Catches: frames are sampled by index, which is wrong if frames were dropped.
    #[test]
    fn variable_rate_follows_time() {
        // Irregular times in milliseconds, with a gap of one second.
        let times = [0, 33, 70, 101, 133, 180, 1200, 1230, 1310];
        let shown = sampled(10.0, (1, 1000), &times, 1400);
        assert_eq!(shown, [0, 2, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 7]);
    }

    /// Catches: the clock starts at zero instead of at the first shown frame.
    #[test]
    fn the_first_frame_is_tick_zero() {
        for start in [-900, 0, 47_000] {
            let times: Vec<i64> = (0..6).map(|frame| start + frame * 100).collect();
            assert_eq!(sampled(10.0, (1, 1000), &times, start + 600), [0, 1, 2, 3, 4, 5]);
        }
    }

    /// Catches: the repeated frames of a slow video are dropped.
    #[test]
    fn slow_video_repeats_frames() {
        assert_eq!(sampled(10.0, (1, 5), &[0, 1, 2], 3), [0, 0, 1, 1, 2, 2]);
    }

    /// Catches: at the source's own rate a frame is missing or shown twice, because of a gap, a
    /// repeated or broken time stamp, a clock that starts again, or the first or last frame.
    #[test]
    fn the_own_rate_shows_every_frame_once() {
        let all = [
            vec![0],
            vec![0, 33, 70, 101, 133, 133, 133, 1200, 1230],
            vec![5000, 5100, 1400, 1500, 99_000],
            vec![0, i64::MIN, i64::MAX, 7],
        ];
        for times in all {
            let shown = sampled_at(SamplingRate::Own, (1, 1000), &times, 0);
            assert_eq!(shown, (0..times.len()).collect::<Vec<_>>(), "{times:?}");
        }
        let mut clock = TickClock::new(SamplingRate::Own, (1, 1000));
        assert_eq!((clock.finish(0), clock.shows(1, 2)), (0, None));
        clock.advance(0, 0);
        assert_eq!(clock.shows(1, 2), Some(true), "no packet may be skipped");
    }

    /// Catches: a file with a broken time stamp fills the disk with one frame.
    #[test]
    fn a_broken_clock_does_not_repeat_forever() {
        let shown = sampled(10.0, (1, 1000), &[0, 100, i64::MAX / 2, i64::MAX / 2 + 100], i64::MAX);
        assert!(shown.len() <= 610, "{} frames", shown.len());
        assert_eq!(shown[..4], [0, 1, 2, 3]);
    }

    /// Catches: the second half of a joined recording is lost because its times repeat.
    #[test]
    fn a_clock_that_starts_again_goes_on() {
        let times = [5000, 5100, 5200, 1400, 1500, 1600, 99_000, 99_100];
        assert_eq!(sampled(10.0, (1, 1000), &times, 99_200), [0, 1, 2, 3, 4, 5, 6, 7]);
        let mut clock = TickClock::new(SamplingRate::Fixed(10.0), (1, 1000));
        times.windows(2).for_each(|pair| _ = clock.advance(pair[1], pair[0] + 100));
        assert_eq!(clock.elapsed(99_200), 700, "from the second to the end of the last");
    }

    /// Catches: frames are lost because the clock starts again a little earlier.
    #[test]
    fn a_clock_may_start_again_a_little_earlier() {
        let all = |times: &[i64]| sampled(10.0, (1, 1000), times, times[times.len() - 1] + 100);
        let restart = [0, 100, 200, 300, 400, 500, 600, 0, 100, 200];
        assert_eq!(all(&restart), (0..10).collect::<Vec<_>>());
        let half = [0, 100, 200, 300, 400, 500, 0, 100, 200];
        assert_eq!(all(&half), (0..9).collect::<Vec<_>>());
    }

    /// Catches: time stamps that run backwards cause a panic or show an earlier frame.
    #[test]
    fn backward_time_stamps_show_the_newest_frame() {
        assert_eq!(sampled(10.0, (1, 1000), &[0, 200, 100, 300], 400), [0, 0, 2, 3]);
        assert_eq!(sampled(10.0, (1, 1000), &[0, i64::MIN, i64::MAX], 0).len(), 1);
    }
}
