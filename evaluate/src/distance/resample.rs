//! Interval, floor and extrapolation of a Fréchet distance.
//!
//! - **Interval**: the jackknife over at most [`JACKKNIFE`] bundles of groups. A bootstrap would
//!   draw groups twice, and the distance's bias grows with every missing clip.
//! - **Floor**: the distance between two halves of the real clips, by groups, as a mean of several
//!   halvings. A perfect model would have this distance. For a comparison with as many clips, one
//!   half's real clips are also compared with the other half's generated clips.
//! - **Extrapolation**: the expected distance of n clips on each side is d∞ + c/n + O(1/n²) [Chong
//!   & Forsyth 2020]. It is measured at several n, and a line through 1/n gives d∞. That paper
//!   reduces only the generated side. Here both sides are small, so both are reduced.

use rand::seq::SliceRandom;

use crate::distance::features::Features;
use crate::distance::frechet::frechet;
use crate::distance::moments::{Divisor, Moments};
use crate::random::{Purpose, stream};
use crate::statistics::bootstrap::{Interval, student_975};

/// Smallest number of clips on each side, and of groups: each of two halves needs two.
pub const MIN_CLIPS: usize = 4;
pub const MIN_GROUPS: usize = 4;

const JACKKNIFE: usize = 16;
const HALVINGS: usize = 8;
/// Sizes of the extrapolation, in even steps of 1/n from 1/N to 2/N.
///
/// Every size but N has several random subsets.
const SIZES: usize = 5;
const SUBSETS: usize = 4;

/// Two sets of features in the same groups: clip `i` of both belongs to group `group[i]`.
pub struct Resampler<'a> {
    pub real: &'a Features,
    pub generated: &'a Features,
    pub group: &'a [usize],
    pub divisor: Divisor,
    pub seed: u64,
}

/// The distances between halves of the clips.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Halves {
    /// Mean number of clips on each side.
    pub clips: f64,
    /// Real half against real half.
    pub real: f64,
    /// Real half against generated half.
    pub generated: f64,
}

impl Resampler<'_> {
    /// Returns the distance of all clips.
    #[must_use]
    pub fn distance(&self) -> f64 {
        self.between(self.real, |_| true, self.generated, |_| true)
    }

    /// Returns the 95 % interval of the distance.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let bundles = self.groups().min(JACKKNIFE);
        if bundles < 2 {
            return None;
        }
        let without = |left_out: usize| {
            let kept = |clip: usize| self.group[clip] % bundles != left_out;
            self.between(self.real, kept, self.generated, kept)
        };
        let values: Vec<f64> = (0..bundles).map(without).collect();
        let n = bundles as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance =
            (n - 1.0) / n * values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let (estimate, half) = (self.distance(), student_975(bundles - 1) * variance.sqrt());
        Some([estimate - half, estimate + half])
    }

    /// Returns the distances between halves of the clips.
    #[must_use]
    pub fn halves(&self) -> Halves {
        let each = HALVINGS as f64;
        let mut halves = Halves { clips: self.real.len() as f64 / 2.0, real: 0.0, generated: 0.0 };
        for halving in 0..HALVINGS {
            let chosen = self.subset(Purpose::Halves, halving, self.groups() / 2);
            let (first, second) =
                (|clip: usize| chosen[self.group[clip]], |clip: usize| !chosen[self.group[clip]]);
            halves.real += self.between(self.real, first, self.real, second) / each;
            halves.generated += self.between(self.real, first, self.generated, second) / each;
        }
        halves
    }

    /// Returns the distance extrapolated to infinitely many clips.
    ///
    /// `None` if the smallest subset does not have more clips than dimensions: the line does not
    /// hold there.
    #[must_use]
    pub fn extrapolated(&self) -> Option<f64> {
        if self.real.len() / 2 <= self.real.dimension() || self.groups() < MIN_GROUPS {
            return None;
        }
        let mut points = Vec::new();
        for size in 0..SIZES {
            let share = 1.0 / (1.0 + size as f64 / (SIZES - 1) as f64);
            let groups = (self.groups() as f64 * share).round() as usize;
            for number in 0..if size == 0 { 1 } else { SUBSETS } {
                let chosen = self.subset(Purpose::Subset, size * SUBSETS + number, groups);
                let kept = |clip: usize| chosen[self.group[clip]];
                let clips = self.group.iter().filter(|&&group| chosen[group]).count();
                points.push((
                    1.0 / clips as f64,
                    self.between(self.real, kept, self.generated, kept),
                ));
            }
        }
        Some(intercept(&points))
    }

    fn groups(&self) -> usize {
        self.group.iter().max().map_or(0, |last| last + 1)
    }

    /// Marks `count` random groups.
    fn subset(&self, purpose: Purpose, number: usize, count: usize) -> Vec<bool> {
        let mut chosen: Vec<bool> = (0..self.groups()).map(|i| i < count).collect();
        chosen.shuffle(&mut stream(self.seed, purpose, number));
        chosen
    }

    fn between(
        &self,
        a: &Features,
        of_a: impl Fn(usize) -> bool,
        b: &Features,
        of_b: impl Fn(usize) -> bool,
    ) -> f64 {
        let moments = |side: &Features, which: &dyn Fn(usize) -> bool| {
            Moments::of(
                side.dimension(),
                (0..side.len()).filter(|&clip| which(clip)).map(|clip| side.row(clip)),
            )
        };
        frechet(&moments(a, &of_a), &moments(b, &of_b), self.divisor)
    }
}

/// Returns the value of the least-squares line at x = 0.
fn intercept(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / n;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / n;
    let covariance: f64 = points.iter().map(|point| (point.0 - mean_x) * (point.1 - mean_y)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - mean_x).powi(2)).sum();
    mean_y - covariance / variance * mean_x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::simulated::simulated;

    const DIMENSION: usize = 8;

    fn groups(clips: usize) -> Vec<usize> {
        (0..clips).map(|clip| clip / 2).collect()
    }

    struct Sets([Features; 2], Vec<usize>);

    impl Sets {
        fn new(seed: usize, clips: usize, shift: f64) -> Sets {
            let side = |number, shift| simulated(2 * seed + number, clips, DIMENSION, shift);
            Sets([side(0, 0.0), side(1, shift)], groups(clips))
        }

        fn all(&self) -> Resampler<'_> {
            let Sets([real, generated], group) = self;
            Resampler { real, generated, group, divisor: Divisor::Unbiased, seed: 0 }
        }
    }

    /// Catches: the extrapolation runs along the wrong axis or in the wrong direction. The true
    /// distance is 0, because both sides have one distribution.
    #[test]
    fn many_clips_are_foretold_by_few() {
        let (mut plain, mut foretold) = (0.0, 0.0);
        for seed in 0..40 {
            let sets = Sets::new(seed, 60, 0.0);
            plain += sets.all().distance() / 40.0;
            foretold += sets.all().extrapolated().unwrap() / 40.0;
        }
        assert!(foretold.abs() < plain / 4.0, "{foretold} has about the same bias as {plain}");
    }

    /// Catches: a line is fitted where the relation is not linear, which gave negative distances.
    #[test]
    fn fewer_clips_than_dimensions_foretell_nothing() {
        assert_eq!(Sets::new(0, 16, 0.5).all().extrapolated(), None);
    }

    /// Catches: two halves share clips; the floor and the model's value use different numbers of
    /// clips; a perfect model is far above its floor.
    #[test]
    fn clips_of_the_same_kind_are_at_the_floor_and_others_above() {
        let same = Sets::new(1, 80, 0.0).all().halves();
        let other = Sets::new(1, 80, 0.7).all().halves();
        assert!((same.clips - 40.0).abs() < 1e-9);
        assert!((same.real - other.real).abs() < 1e-12 && same.real > 0.0);
        assert!((same.generated / same.real - 1.0).abs() < 0.5, "{same:?}");
        assert!(other.generated > 4.0 * other.real, "{other:?}");
    }

    /// Catches: an interval lacks the jackknife's factor n − 1 and is far too narrow; an interval
    /// is as wide as the value.
    #[test]
    fn the_interval_covers_what_other_clips_would_give() {
        let values: Vec<f64> =
            (0..60).map(|seed| Sets::new(seed, 80, 0.5).all().distance()).collect();
        let expected = values.iter().sum::<f64>() / values.len() as f64;
        let covers = |seed: &usize| {
            let [low, high] = Sets::new(*seed, 80, 0.5).all().interval().unwrap();
            low <= expected && expected <= high
        };
        let covered = (0..60).filter(covers).count();
        assert!(covered >= 52, "{covered} of 60");
        let [low, high] = Sets::new(0, 80, 0.5).all().interval().unwrap();
        assert!(low > 0.5 * expected && high < 1.5 * expected, "[{low}, {high}] around {expected}");
    }
}
