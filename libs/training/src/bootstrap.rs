//! Confidence intervals by resampling whole groups.
//!
//! Frames of one window, and windows of one recording, are alike. They are not independent
//! observations: the recordings are. So each bootstrap draw takes groups (sources) with
//! replacement, each with all its windows. The statistic is recomputed from the number of times
//! that each group was drawn.
//!
//! Two corrections are needed if there are few groups:
//!
//! - Percentile intervals are too narrow for small samples. So the percentiles are
//!   Φ(−√(n/(n−1))·t₀.₉₇₅,ₙ₋₁) instead of 2.5 % (Hesterberg 2015, "expanded percentile interval").
//! - Groups that are drawn twice bias plug-in statistics such as NMI upward. So the draws are
//!   shifted to have their mean at the estimate.
//!
//! One group alone says nothing about other groups, so it has no interval.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of groups and of draws are small"
)]

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The random stream of the draws. Another number would change all intervals of reports.
const STREAM: u64 = 5 << 32;

/// Bounds of a 95 % confidence interval.
pub type Interval = [f64; 2];

/// Numbers keys in order of appearance, equal ones alike; returns the count and all numbers.
pub fn numbered<K: Ord>(keys: impl IntoIterator<Item = K>) -> (usize, Vec<usize>) {
    let mut numbers = BTreeMap::new();
    let number = |key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    };
    let group = keys.into_iter().map(number).collect();
    (numbers.len(), group)
}

/// Bootstrap draws over a number of groups; the same draws serve every statistic.
#[derive(Debug)]
pub struct Bootstrap {
    groups: usize,
    multiplicities: Vec<Vec<u32>>,
}

impl Bootstrap {
    /// Makes `draws` resamples of `groups` groups.
    #[must_use]
    pub fn new(groups: usize, draws: usize, seed: u64) -> Bootstrap {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(STREAM);
        let mut multiplicities = vec![vec![0; groups]; if groups == 0 { 0 } else { draws }];
        for draw in &mut multiplicities {
            for _ in 0..groups {
                draw[rng.random_range(0..groups)] += 1;
            }
        }
        Bootstrap { groups, multiplicities }
    }

    /// Returns the number of groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Returns the number of draws.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.multiplicities.len()
    }

    /// Returns the interval of a statistic whose value for the original groups is `estimate`.
    ///
    /// `statistic` gets the number of times that each group was drawn. Draws for which it is not
    /// finite are skipped. `None` if there are fewer than two groups, or no finite value.
    pub fn interval(&self, estimate: f64, statistic: impl Fn(&[u32]) -> f64) -> Option<Interval> {
        if self.groups < 2 || !estimate.is_finite() {
            return None;
        }
        let mut draws: Vec<f64> = self
            .multiplicities
            .iter()
            .map(|draw| statistic(draw))
            .filter(|v| v.is_finite())
            .collect();
        if draws.is_empty() {
            return None;
        }
        draws.sort_by(f64::total_cmp);
        let shift = estimate - draws.iter().sum::<f64>() / draws.len() as f64;
        let tail = expanded_tail(self.groups);
        Some([quantile(&draws, tail) + shift, quantile(&draws, 1.0 - tail) + shift])
    }
}

/// Sums of a value over the windows of each group, for the bootstrap of a mean over windows.
#[derive(Debug, Clone)]
pub struct GroupedMean {
    sums: Vec<(f64, u32)>,
}

impl GroupedMean {
    /// Sums the values of windows, given as (group, value).
    pub fn new(groups: usize, values: impl IntoIterator<Item = (usize, f64)>) -> GroupedMean {
        let mut sums = vec![(0.0, 0); groups];
        for (group, value) in values {
            sums[group].0 += value;
            sums[group].1 += 1;
        }
        GroupedMean { sums }
    }

    /// Returns the mean over windows; NaN if there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.weighted(&vec![1; self.sums.len()])
    }

    /// Returns the interval of the mean.
    #[must_use]
    pub fn interval(&self, bootstrap: &Bootstrap) -> Option<Interval> {
        bootstrap.interval(self.mean(), |draw| self.weighted(draw))
    }

    /// Returns the mean over windows if each group counts `multiplicity` times.
    #[must_use]
    pub fn weighted(&self, multiplicity: &[u32]) -> f64 {
        let (mut total, mut count) = (0.0, 0.0);
        for (&(sum, windows), &times) in self.sums.iter().zip(multiplicity) {
            total += sum * f64::from(times);
            count += f64::from(windows) * f64::from(times);
        }
        total / count
    }
}

/// Interpolates linearly between the order statistics of a sorted list.
#[must_use]
pub fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (position.floor(), position.ceil());
    let at = |p: f64| sorted[p as usize];
    at(below) + (at(above) - at(below)) * (position - below)
}

/// Returns the mass of each tail of the expanded percentile interval for `n` groups.
fn expanded_tail(n: usize) -> f64 {
    let n_f = n as f64;
    normal_cdf(-(n_f / (n_f - 1.0)).sqrt() * student_975(n - 1))
}

/// Returns the 97.5 % quantile of Student's t with `df` degrees of freedom.
///
/// A table has the values for few degrees of freedom, the Cornish-Fisher expansion gives the others
/// (error below 1e-3).
///
/// # Panics
/// If `df` is 0.
#[must_use]
pub fn student_975(df: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    if let Some(&t) = TABLE.get(df - 1) {
        return t;
    }
    let (z, v) = (1.959_964_f64, df as f64);
    z + (z.powi(3) + z) / (4.0 * v)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v.powi(2))
        + (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / (384.0 * v.powi(3))
}

/// Φ, by Abramowitz & Stegun 26.2.17 (absolute error below 7.5e-8).
fn normal_cdf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let upper = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly;
    if x < 0.0 { upper } else { 1.0 - upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ci(values: &[(usize, f64)], groups: usize) -> Interval {
        GroupedMean::new(groups, values.iter().copied())
            .interval(&Bootstrap::new(groups, 1000, 0))
            .unwrap()
    }

    /// Catches: windows are resampled instead of sources, which makes the interval ten times too
    /// narrow.
    #[test]
    fn copies_of_a_window_do_not_shrink_the_interval() {
        let once: Vec<(usize, f64)> = (0..8).map(|g| (g, (g * g) as f64)).collect();
        let copied: Vec<(usize, f64)> = (0..100).flat_map(|_| once.clone()).collect();
        let (a, b) = (ci(&once, 8), ci(&copied, 8));
        assert!((a[0] - b[0]).abs() < 1e-9 && (a[1] - b[1]).abs() < 1e-9, "{a:?} became {b:?}");
        assert!(a[1] - a[0] > 10.0);
    }

    /// Catches: a single group gives the interval [mean, mean], which looks certain.
    #[test]
    fn one_group_has_no_interval() {
        assert_eq!(
            GroupedMean::new(1, [(0, 1.0), (0, 5.0)]).interval(&Bootstrap::new(1, 100, 0)),
            None
        );
    }

    /// Catches: the intervals are plain percentiles, which contain the true value in about 90 %
    /// instead of 95 % of the cases (10 groups of a uniform variable with mean 0.5, 400 trials).
    #[test]
    fn intervals_cover_the_truth_as_often_as_they_say() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let trials = 400;
        let covered = (0..trials)
            .filter(|_| {
                let values: Vec<(usize, f64)> =
                    (0..10).map(|g| (g, rng.random_range(0.0..1.0))).collect();
                let [lo, hi] = ci(&values, 10);
                lo <= 0.5 && 0.5 <= hi
            })
            .count();
        let share = covered as f64 / f64::from(trials);
        assert!((0.92..=0.98).contains(&share), "covered {share}");
    }

    /// Catches: a constant of Student's t or of the normal distribution is wrong.
    #[test]
    fn student_and_normal_have_their_table_values() {
        assert!((student_975(11) - 2.201).abs() < 1e-3);
        assert!((student_975(30) - 2.042).abs() < 1e-3);
        assert!((normal_cdf(-1.959_964) - 0.025).abs() < 1e-6);
    }

    /// Catches: an interval is not shifted. The number of different groups in a draw is always
    /// below the number of groups, so the interval would lie below the estimate.
    #[test]
    fn the_interval_stands_around_the_estimate_of_a_biased_statistic() {
        let bootstrap = Bootstrap::new(20, 1000, 0);
        let distinct = |draw: &[u32]| draw.iter().filter(|&&m| m > 0).count() as f64;
        let [lo, hi] = bootstrap.interval(20.0, distinct).unwrap();
        assert!(lo < 20.0 && 20.0 < hi, "[{lo}, {hi}]");
    }
}
