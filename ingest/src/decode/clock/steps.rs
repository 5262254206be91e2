//! The time from one frame to the next: how long it usually is, and when it is a gap.

use std::collections::{BTreeMap, VecDeque};

/// Shortest pause between two frames that may be a gap, in seconds.
const GAP_SECONDS: f64 = 0.5;
/// A gap is also at least this many times the usual step.
const GAP_STEPS: i64 = 4;
/// The usual step is the median of this many steps.
const RECENT: usize = 31;
/// Number of steps from which on the median counts more than the container's rate.
const ENOUGH: usize = 3;
/// Largest number of different steps that the whole file's rate is computed from.
const MAX_DIFFERENT: usize = 10_000;
/// Highest rate of a container that is believed before there are steps.
const HIGHEST_FPS: f64 = 480.0;

/// The steps between the frames of one file, in time-base units.
pub struct FrameSteps {
    /// Seconds of a time-base unit.
    unit: f64,
    /// The step by the container's rate.
    stated: i64,
    recent: VecDeque<i64>,
    /// How often each step occurs in the whole file.
    all: BTreeMap<i64, u64>,
}

impl FrameSteps {
    /// `rates` are the rates that the container states, in frames per second.
    pub fn new(time_base: (i32, i32), rates: &[f64]) -> Self {
        let unit = f64::from(time_base.0.max(1)) / f64::from(time_base.1.max(1));
        let believed = rates.iter().copied().filter(|&fps| fps > 0.0 && fps <= HIGHEST_FPS);
        let fps = believed.reduce(f64::max).unwrap_or(25.0);
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let stated = (1.0 / (unit * fps)).round().max(1.0) as i64;
        Self { unit, stated, recent: VecDeque::new(), all: BTreeMap::new() }
    }

    /// Records a step.
    pub fn add(&mut self, step: i64) {
        if step <= 0 {
            return;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(step);
        if self.all.len() < MAX_DIFFERENT || self.all.contains_key(&step) {
            *self.all.entry(step).or_default() += 1;
        }
    }

    /// Returns how long a frame usually lasts.
    pub fn usual(&self) -> i64 {
        if self.recent.len() < ENOUGH {
            return self.stated;
        }
        let mut sorted: Vec<i64> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        sorted[(sorted.len() - 1) / 2]
    }

    /// Returns how long a frame lasts of which the container says that it lasts `duration`.
    ///
    /// A `duration` of 0 is unknown. A frame without a next one lasts at most twice as long as
    /// usual, because some containers state the length of a pause.
    pub fn lasting(&self, duration: i64) -> i64 {
        let usual = self.usual();
        if duration > 0 && duration <= usual.saturating_mul(2) { duration } else { usual }
    }

    /// Returns whether frames may be missing in a step.
    pub fn is_gap(&self, step: i64) -> bool {
        step as f64 * self.unit >= GAP_SECONDS && step >= self.usual().saturating_mul(GAP_STEPS)
    }

    /// Returns the frames per second of the whole file, without its pauses.
    ///
    /// It is one of the `stated` rates if its steps agree within 2 %. Otherwise it is rounded to a
    /// thousandth. It is 0 if there are no steps and no stated rate.
    pub fn fps(&self, stated: &[f64]) -> f64 {
        let stated = stated.iter().copied().filter(|&fps| fps > 0.0 && fps.is_finite());
        let Some(measured) = self.measured() else {
            return stated.filter(|&fps| fps <= HIGHEST_FPS).reduce(f64::max).unwrap_or(0.0);
        };
        let apart = |fps: &f64| (fps / measured - 1.0).abs();
        let nearest = stated.min_by(|a, b| apart(a).total_cmp(&apart(b)));
        nearest
            .filter(|fps| apart(fps) <= 0.02)
            .unwrap_or_else(|| (measured * 1000.0).round() / 1000.0)
    }

    /// Returns the rate of the steps that are near the median.
    fn measured(&self) -> Option<f64> {
        let count: u64 = self.all.values().sum();
        let mut before = 0;
        let (&median, _) = self.all.iter().find(|&(_, times)| {
            before += times;
            2 * before >= count
        })?;
        let near = self.all.range(median - median / 2..=median.saturating_add(median / 2));
        let (sum, steps) = near.fold((0.0, 0.0), |(sum, steps), (&step, &times)| {
            (sum + step as f64 * times as f64, steps + times as f64)
        });
        let fps = steps / (sum * self.unit);
        fps.is_finite().then_some(fps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(rates: &[f64], all: impl IntoIterator<Item = i64>) -> FrameSteps {
        let mut steps = FrameSteps::new((1, 1000), rates);
        all.into_iter().for_each(|step| steps.add(step));
        steps
    }

    /// Catches: the rate of a file is its container's although the frames come at another rate;
    /// pauses lower the rate; rounded time stamps change it.
    #[test]
    fn the_rate_is_the_one_of_the_frames() {
        let thirty = || [33, 33, 34].into_iter().cycle().take(300);
        for (stated, expected) in [
            (vec![30.0], 30.0),
            (vec![90_000.0], 30.0),
            (vec![60.0], 30.0),
            (vec![], 30.0),
            (vec![1000.0 / 33.0, 30.0], 30.0),
            (vec![0.066, 30.0], 30.0),
            (vec![30_000.0 / 1001.0], 30_000.0 / 1001.0),
        ] {
            assert!((steps(&stated, thirty()).fps(&stated) - expected).abs() < 1e-9, "{stated:?}");
        }
        let paused = steps(&[20.0, 30.0], thirty().chain([5000, 3_600_000]));
        assert!((paused.fps(&[20.0, 30.0]) - 30.0).abs() < 1e-9);
        assert!((steps(&[25.0], []).fps(&[25.0]) - 25.0).abs() < 1e-9);
        assert!(steps(&[], [0, -5]).fps(&[90_000.0]) == 0.0, "no step is positive");
    }

    /// Catches: the last frame lasts an hour because its container says so, or a slow video's frame
    /// is cut short.
    #[test]
    fn a_frame_lasts_about_as_long_as_the_others() {
        let thirty = steps(&[0.066, 30.0], [33; 20]);
        assert_eq!([0, 40, 67, 3_600_000].map(|stated| thirty.lasting(stated)), [33, 40, 33, 33]);
        let slow = steps(&[1.0], [1000; 5]);
        assert_eq!([0, 1000, 1500].map(|stated| slow.lasting(stated)), [1000, 1000, 1500]);
        assert_eq!(steps(&[0.2], []).lasting(5000), 5000, "a single frame");
    }

    /// Catches: every step of a slow video is a gap, or lost seconds are none.
    #[test]
    fn a_gap_is_long_and_unusual() {
        let thirty = steps(&[30.0], [33; 20]);
        assert_eq!(
            [33, 300, 499, 500, 20_000].map(|step| thirty.is_gap(step)),
            [false, false, false, true, true]
        );
        assert!(!steps(&[1.0], [1000; 5]).is_gap(3000));
        assert!(steps(&[1.0], [1000; 5]).is_gap(4000));
    }
}
