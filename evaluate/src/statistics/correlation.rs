//! Spearman's rank correlation of two values of the same windows, for each frame number.
//!
//! Both values grow with the frame number. A correlation over all frames together would mostly
//! measure this growth. So windows are compared at one frame number only, and the correlations of
//! the frame numbers are averaged as they are, without Fisher's z. If all windows have equal values
//! at a frame number, its correlation counts as 0.

use crate::statistics::bootstrap::{Bootstrap, Interval};

/// Ranks of two values, ready for the bootstrap over groups of windows.
pub struct RankCorrelation {
    /// Group of each window.
    group: Vec<usize>,
    /// Number of groups.
    groups: usize,
    /// The rankings of both values for each frame number.
    frames: Vec<[Ranking; 2]>,
}

impl RankCorrelation {
    /// Ranks the windows at each frame number.
    ///
    /// `group` has the group of each window, below `groups`. Each entry of `frames` has the two
    /// values of every window, and they must not be NaN.
    pub fn new(
        groups: usize,
        group: &[usize],
        frames: impl IntoIterator<Item = [Vec<f64>; 2]>,
    ) -> RankCorrelation {
        let frames = frames.into_iter().map(|values| values.map(|values| Ranking::new(&values)));
        RankCorrelation { group: group.to_vec(), groups, frames: frames.collect() }
    }

    /// Returns the mean correlation over the frame numbers; 0 if there are none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.weighted(&vec![1; self.groups])
    }

    /// Returns the interval of the mean correlation.
    #[must_use]
    pub fn interval(&self, bootstrap: &Bootstrap) -> Option<Interval> {
        bootstrap.interval(self.mean(), |draw| self.weighted(draw))
    }

    /// Returns the mean correlation if each group counts `multiplicity` times.
    fn weighted(&self, multiplicity: &[u32]) -> f64 {
        let weights: Vec<f64> = self.group.iter().map(|&g| f64::from(multiplicity[g])).collect();
        let each = self.frames.iter().map(|frame| {
            let [a, b] = frame.each_ref().map(|ranking| ranking.ranks(&weights));
            pearson(&a, &b, &weights)
        });
        each.sum::<f64>() / self.frames.len().max(1) as f64
    }
}

/// Windows in ascending order of a value, in runs of equal values.
struct Ranking(Vec<Vec<usize>>);

impl Ranking {
    fn new(values: &[f64]) -> Ranking {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let runs = order.chunk_by(|&a, &b| values[a].total_cmp(&values[b]).is_eq());
        Ranking(runs.map(<[usize]>::to_vec).collect())
    }

    /// Returns the rank of each window if the windows occur as often as `weights` says.
    ///
    /// Windows of equal value have the mean of their ranks.
    fn ranks(&self, weights: &[f64]) -> Vec<f64> {
        let mut ranks = vec![0.0; weights.len()];
        let mut before = 0.0;
        for run in &self.0 {
            let count: f64 = run.iter().map(|&window| weights[window]).sum();
            for &window in run {
                ranks[window] = before + f64::midpoint(1.0, count);
            }
            before += count;
        }
        ranks
    }
}

/// Returns the weighted correlation of two lists; 0 if one is constant.
fn pearson(a: &[f64], b: &[f64], weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    let mean =
        |list: &[f64]| list.iter().zip(weights).map(|(x, weight)| x * weight).sum::<f64>() / total;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for ((x, y), weight) in a.iter().zip(b).zip(weights) {
        let (x, y) = (x - mean_a, y - mean_b);
        aa += weight * x * x;
        bb += weight * y * y;
        ab += weight * x * y;
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::{Purpose, stream};

    /// Catches: values are correlated instead of ranks; equal values have ranks by their position.
    #[test]
    fn ranks_are_correlated_and_ties_share_their_rank() {
        let of = |a: &[f64], b: &[f64]| {
            let group: Vec<usize> = (0..a.len()).collect();
            RankCorrelation::new(a.len(), &group, [[a.to_vec(), b.to_vec()]]).mean()
        };
        assert!((of(&[1.0, 2.0, 3.0, 4.0], &[1.0, 10.0, 100.0, 1e9]) - 1.0).abs() < 1e-12);
        assert!((of(&[1.0, 2.0, 3.0, 4.0], &[9.0, 7.0, 8.0, -1.0]) + 0.8).abs() < 1e-12);
        // Pearson's correlation of the ranks 1, 2.5, 2.5, 4, 5 and 2, 1, 3.5, 3.5, 5.
        let tied = of(&[1.0, 2.0, 2.0, 3.0, 5.0], &[2.0, 1.0, 4.0, 4.0, 6.0]);
        assert!((tied - 0.763_157_894_736_842_1).abs() < 1e-12, "{tied}");
        assert!(of(&[1.0, 2.0, 3.0], &[5.0; 3]).abs() < 1e-12);
    }

    /// Catches: a bootstrap draw counts a group's windows once, however often it was drawn.
    #[test]
    fn a_group_that_is_drawn_twice_counts_twice() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 5.0, 3.0]);
        let drawn = RankCorrelation::new(4, &[0, 1, 2, 3], [[a.to_vec(), b.to_vec()]]);
        let repeat = |list: &[f64; 4]| vec![list[0], list[0], list[0], list[2], list[3]];
        let copied = RankCorrelation::new(5, &[0, 1, 2, 3, 4], [[repeat(&a), repeat(&b)]]);
        assert!((drawn.weighted(&[3, 0, 1, 1]) - copied.mean()).abs() < 1e-12);
    }

    /// Catches: two values that only grow with time are called correlated.
    #[test]
    fn growth_with_time_is_no_correlation() {
        let mut rng = stream(3, Purpose::RandomActions, 0);
        let mut values = |t: usize| -> Vec<f64> {
            (0..60).map(|_| t as f64 + rng.random_range(0.0..1.0)).collect()
        };
        let frames: Vec<[Vec<f64>; 2]> = (0..15).map(|t| [values(t), values(t)]).collect();
        let group: Vec<usize> = (0..60).map(|window| window / 5).collect();
        let found = RankCorrelation::new(12, &group, frames);
        let [low, high] = found.interval(&Bootstrap::new(12, 300, 0)).unwrap();
        assert!(found.mean().abs() < 0.15 && low < 0.0 && high > 0.0, "{} {low}", found.mean());
    }
}
