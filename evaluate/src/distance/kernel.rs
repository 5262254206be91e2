//! The kernel distance (KVD) [Bińkowski et al. 2018; Unterthiner et al. 2019].
//!
//! It is the unbiased estimate of the squared maximum mean discrepancy under k(x, y) = (x·y/d +
//! 1)³.
//!
//! Unlike the Fréchet distance it has no bias, for any number of clips: two halves of one set have
//! a mean distance of 0. So a value can be negative by chance. Kernel values are summed for each
//! pair of groups (sources), so a bootstrap over groups needs only these sums. A clip is never
//! paired with itself, also if a draw contains its group twice: the kernel of a clip with itself
//! is large and would bias the estimate.

use nalgebra::{DMatrix, DMatrixView};

use crate::distance::features::Features;
use crate::statistics::bootstrap::{Bootstrap, Interval};

/// Largest number of groups, so that the sums stay small.
///
/// If there are more groups, several groups become one. Merged groups are still independent of each
/// other, because the groups are.
const MOST_GROUPS: usize = 256;
/// Clips whose kernel values are in memory at the same time.
const BLOCK: usize = 256;

/// Sums of the kernel over pairs of clips, and numbers of pairs, for each pair of groups.
struct PairSums {
    values: DMatrix<f64>,
    counts: DMatrix<f64>,
}

/// The kernel sums within two sets of clips and between them; both sets have the same groups.
pub struct KernelSums {
    groups: usize,
    within: [PairSums; 2],
    between: PairSums,
}

impl KernelSums {
    /// Sums the kernel over sets `a` and `b`; clip `i` of both belongs to group `group[i]`.
    #[must_use]
    pub fn new(a: &Features, b: &Features, group: &[usize]) -> KernelSums {
        let groups = group.iter().max().map_or(0, |last| last + 1).min(MOST_GROUPS);
        let group: Vec<usize> = group.iter().map(|group| group % MOST_GROUPS).collect();
        let sums = |left: &Features, right: &Features, itself| {
            pair_sums(left, right, &group, groups, itself)
        };
        KernelSums {
            groups,
            within: [sums(a, a, false), sums(b, b, false)],
            between: sums(a, b, true),
        }
    }

    /// Returns the distance, which may be negative.
    #[must_use]
    pub fn distance(&self) -> f64 {
        self.weighted(&vec![1; self.groups])
    }

    /// Returns the interval of the distance, over draws of whole groups.
    #[must_use]
    pub fn interval(&self, draws: usize, seed: u64) -> Option<Interval> {
        Bootstrap::new(self.groups, draws, seed)
            .interval(self.distance(), |draw| self.weighted(draw))
    }

    /// Returns the distance if each group counts `multiplicity` times.
    fn weighted(&self, multiplicity: &[u32]) -> f64 {
        let weights = nalgebra::DVector::from_iterator(
            self.groups,
            multiplicity.iter().map(|&times| f64::from(times)),
        );
        let mean = |sums: &PairSums| {
            weights.dot(&(&sums.values * &weights)) / weights.dot(&(&sums.counts * &weights))
        };
        let [a, b] = &self.within;
        mean(a) + mean(b) - 2.0 * mean(&self.between)
    }
}

/// Sums the kernel over pairs of clips of `a` and `b`.
///
/// `itself` says whether clip `i` of `a` is paired with clip `i` of `b`.
fn pair_sums(a: &Features, b: &Features, group: &[usize], groups: usize, itself: bool) -> PairSums {
    let mut sums =
        PairSums { values: DMatrix::zeros(groups, groups), counts: DMatrix::zeros(groups, groups) };
    let (left, right) = (a.columns(), b.columns());
    for start in (0..a.len()).step_by(BLOCK) {
        let columns = BLOCK.min(a.len() - start);
        let block: DMatrixView<'_, f64> = left.columns(start, columns);
        let products = block.transpose() * &right;
        for i in 0..columns {
            for j in (0..b.len()).filter(|&j| itself || j != start + i) {
                let pair = (group[start + i], group[j]);
                sums.values[pair] += (products[(i, j)] / a.dimension() as f64 + 1.0).powi(3);
                sums.counts[pair] += 1.0;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::reference;
    use crate::distance::simulated::simulated;

    /// Catches: a clip is paired with itself; the kernel is wrong; one of the two sets has a wrong
    /// weight.
    #[test]
    fn agrees_with_numpy() {
        for case in reference::cases() {
            let [a, b] = case.features();
            let group: Vec<usize> = (0..a.len().max(b.len())).map(|i| i % 5).collect();
            let found = KernelSums::new(&a, &b, &group).distance();
            assert!(
                (found / case.kernel - 1.0).abs() < 1e-9,
                "{}: {found} instead of {}",
                case.name,
                case.kernel
            );
        }
    }

    /// Catches: a draw contains a group twice and compares it with itself, which moves every
    /// interval above zero.
    #[test]
    fn two_sets_of_the_same_kind_are_at_zero_within_the_interval() {
        let group: Vec<usize> = (0..60).map(|i| i / 3).collect();
        let holds_zero = |number: usize| {
            let (a, b) = (simulated(2 * number, 60, 6, 0.0), simulated(2 * number + 1, 60, 6, 0.0));
            let [low, high] = KernelSums::new(&a, &b, &group).interval(200, 0).unwrap();
            low <= 0.0 && 0.0 <= high
        };
        let held = (0..40).filter(|&number| holds_zero(number)).count();
        assert!(held >= 34, "the 95 % interval contains the true value, 0, in {held} of 40 cases");
        let far = KernelSums::new(&simulated(0, 60, 6, 0.0), &simulated(1, 60, 6, 2.0), &group);
        assert!(far.interval(200, 0).unwrap()[0] > 0.0);
    }
}
