//! How well probabilities predict keys: information, accuracy, and their baselines.
//!
//! The information is the entropy of the keys minus the cross-entropy of the predictions, in nats.
//! It is a lower bound of the mutual information of the key and the predictor's input, if the
//! predictor was trained on other clips. A predictor that only memorised its training clips has no
//! information. Mutual information of a table of counts has no such guarantee: with few pairs it is
//! above 0 even for independent labels.

use crate::statistics::bootstrap::{Bootstrap, GroupedMean, Interval};
use crate::statistics::information::entropy;

/// The predictions of some steps of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedKeys {
    /// The window's group (recording); groups are numbered without gaps.
    pub group: usize,
    /// The true keys.
    pub keys: Vec<u8>,
    /// Log-probabilities `[step, class]` of the keys.
    pub log_probabilities: Vec<f64>,
}

impl PredictedKeys {
    /// Returns each step's key, and its log-probability of every class.
    fn steps(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let classes = self.log_probabilities.len() / self.keys.len();
        self.keys.iter().map(|&key| usize::from(key)).zip(self.log_probabilities.chunks(classes))
    }

    /// Returns the most likely key of each step.
    pub fn most_likely(&self) -> Vec<u8> {
        self.steps().map(|(_, row)| most_likely(row) as u8).collect()
    }
}

/// How well keys are predicted.
#[derive(Debug, Clone)]
pub struct PredictionScore {
    /// Log-probability of the key minus the logarithm of its share: the mean is information.
    pub gain: GroupedMean,
    /// 1 where the most likely key is right, else 0.
    pub hits: GroupedMean,
    /// 1 where the key is the most common one, else 0.
    pub commonest: GroupedMean,
    /// Information in nats, at least 0.
    pub information: f64,
    pub information_ci95: Option<Interval>,
    pub accuracy: f64,
    pub accuracy_ci95: Option<Interval>,
    /// Entropy of the keys in nats.
    pub entropy: f64,
    /// Share of the most common key.
    pub accuracy_baseline: f64,
}

/// Measures predictions of `classes` classes.
#[must_use]
pub fn score(windows: &[PredictedKeys], classes: usize, bootstrap: &Bootstrap) -> PredictionScore {
    let counts = key_counts(windows, classes);
    let total = counts.iter().sum::<u64>() as f64;
    let gain = grouped(windows, bootstrap, |key, row| row[key] - (counts[key] as f64 / total).ln());
    let hits = grouped(windows, bootstrap, |key, row| f64::from(u8::from(most_likely(row) == key)));
    let most = counts.iter().copied().max().unwrap_or(0);
    let common = counts.iter().position(|count| *count == most);
    let commonest = grouped(windows, bootstrap, |key, _| f64::from(u8::from(Some(key) == common)));
    let positive = |[lo, hi]: Interval| [lo.max(0.0), hi.max(0.0)];
    PredictionScore {
        information: gain.mean().max(0.0),
        information_ci95: gain.interval(bootstrap).map(positive),
        accuracy: hits.mean(),
        accuracy_ci95: hits.interval(bootstrap).map(|[lo, hi]| [lo.max(0.0), hi.min(1.0)]),
        entropy: entropy(&counts),
        accuracy_baseline: most as f64 / total,
        gain,
        hits,
        commonest,
    }
}

/// Returns the information of predictions in nats; it may be negative.
#[must_use]
pub fn information(windows: &[PredictedKeys], classes: usize) -> f64 {
    let surprise = windows.iter().flat_map(PredictedKeys::steps).map(|(key, row)| -row[key]);
    let counts = key_counts(windows, classes);
    entropy(&counts) - surprise.sum::<f64>() / counts.iter().sum::<u64>() as f64
}

fn key_counts(windows: &[PredictedKeys], classes: usize) -> Vec<u64> {
    let mut counts = vec![0; classes];
    windows.iter().flat_map(|window| &window.keys).for_each(|&key| counts[usize::from(key)] += 1);
    counts
}

fn grouped(
    windows: &[PredictedKeys],
    bootstrap: &Bootstrap,
    value: impl Fn(usize, &[f64]) -> f64,
) -> GroupedMean {
    let values = windows
        .iter()
        .flat_map(|window| window.steps().map(|(key, row)| (window.group, value(key, row))));
    GroupedMean::new(bootstrap.groups(), values)
}

fn most_likely(row: &[f64]) -> usize {
    let mut best = 0;
    for (class, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = class;
        }
    }
    best
}

/// Adds up the probabilities of the classes that are one class in a coarser division.
///
/// `log_probabilities` are `[step, class]`; `coarse_of` has the coarser class of each class.
#[must_use]
pub fn coarser(log_probabilities: &[f64], coarse_of: &[u8], classes: usize) -> Vec<f64> {
    let mut sums = Vec::new();
    for row in log_probabilities.chunks(coarse_of.len()) {
        let first = sums.len();
        sums.resize(first + classes, 0.0);
        for (value, &class) in row.iter().zip(coarse_of) {
            sums[first + usize::from(class)] += value.exp();
        }
    }
    // A class that no step can have must not give an infinite surprise.
    sums.into_iter().map(|sum: f64| sum.max(f64::MIN_POSITIVE).ln()).collect()
}

/// The keys that occur with each latent action, as log-probabilities `[code, class]`.
#[derive(Debug, Clone)]
pub struct CodeNames {
    classes: usize,
    log_probabilities: Vec<f64>,
}

impl CodeNames {
    /// Learns the log-probabilities from pairs of a latent action and a key.
    ///
    /// The counts of a code are smoothed by one more pair, which has the distribution of all keys.
    pub fn learn(
        pairs: impl Iterator<Item = (u8, u8)> + Clone,
        codes: usize,
        classes: usize,
    ) -> CodeNames {
        let mut counts = vec![0.0; codes * classes];
        let mut all = vec![1.0; classes];
        for (code, key) in pairs {
            counts[usize::from(code) * classes + usize::from(key)] += 1.0;
            all[usize::from(key)] += 1.0;
        }
        let total: f64 = all.iter().sum();
        for row in counts.chunks_mut(classes) {
            let pairs: f64 = row.iter().sum();
            for (count, all) in row.iter_mut().zip(&all) {
                *count = ((*count + all / total) / (pairs + 1.0)).ln();
            }
        }
        CodeNames { classes, log_probabilities: counts }
    }

    /// Returns the log-probabilities of the keys, given a latent action.
    #[must_use]
    pub fn given(&self, code: u8) -> &[f64] {
        &self.log_probabilities[usize::from(code) * self.classes..][..self.classes]
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::{Purpose, stream};

    /// Windows of 10 steps whose keys are `key(step)`; `probability` of a class, given the key.
    fn windows(
        count: usize,
        classes: usize,
        mut key: impl FnMut(usize) -> u8,
        probability: impl Fn(u8, usize) -> f64,
    ) -> Vec<PredictedKeys> {
        (0..count)
            .map(|group| {
                let keys: Vec<u8> = (0..10).map(|step| key(group * 10 + step)).collect();
                let row = |&key: &u8| {
                    (0..classes).map(|class| probability(key, class).ln()).collect::<Vec<_>>()
                };
                let log_probabilities = keys.iter().flat_map(row).collect();
                PredictedKeys { group, keys, log_probabilities }
            })
            .collect()
    }

    /// Catches: the information has another unit or sign; the baseline of accuracy is of the
    /// predictions instead of the keys.
    #[test]
    fn known_predictions_have_known_scores() {
        // A quarter of the keys are 1. Predictions are right with probability 0.9.
        let sure = windows(
            8,
            2,
            |step| u8::from(step % 4 == 0),
            |key, class| {
                if usize::from(key) == class { 0.9 } else { 0.1 }
            },
        );
        let found = score(&sure, 2, &Bootstrap::new(8, 200, 0));
        let entropy = -(0.25_f64 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
        assert!((found.entropy - entropy).abs() < 0.01, "{found:?}");
        assert!((found.information - (found.entropy + 0.9_f64.ln())).abs() < 1e-9, "{found:?}");
        assert!((found.information - information(&sure, 2)).abs() < 1e-9);
        assert!(
            (found.accuracy - 1.0).abs() < 1e-9 && (found.accuracy_baseline - 0.75).abs() < 0.02
        );
        let [lo, hi] = found.information_ci95.unwrap();
        assert!(lo <= found.information && found.information <= hi);
    }

    /// Catches: a predictor that is sure and wrong, as one that memorised its clips, has
    /// information.
    #[test]
    fn sure_and_wrong_predictions_have_no_information() {
        let mut rng = stream(3, Purpose::Windows, 0);
        let wrong =
            windows(20, 3, |_| rng.random_range(0..3), |_, class| [0.98, 0.01, 0.01][class]);
        assert!(information(&wrong, 3) < -1.0);
        let found = score(&wrong, 3, &Bootstrap::new(20, 100, 0));
        assert_eq!((found.information, found.information_ci95), (0.0, Some([0.0, 0.0])));
        assert!(found.accuracy < 0.5);
    }

    /// Catches: names of codes are learnt and tested on the same pairs: independent codes then say
    /// something about the keys.
    #[test]
    fn codes_that_say_nothing_have_no_information_on_other_clips() {
        let mut rng = stream(4, Purpose::Windows, 0);
        let mut pairs = |count: usize| -> Vec<(u8, u8)> {
            (0..count).map(|_| (rng.random_range(0..8), rng.random_range(0..6))).collect()
        };
        let (learnt, tested) = (pairs(400), pairs(400));
        let names = CodeNames::learn(learnt.iter().copied(), 8, 6);
        let predicted = |pairs: &[(u8, u8)]| {
            let keys = pairs.iter().map(|pair| pair.1).collect();
            let rows = pairs.iter().flat_map(|pair| names.given(pair.0).to_vec()).collect();
            [PredictedKeys { group: 0, keys, log_probabilities: rows }]
        };
        assert!(information(&predicted(&learnt), 6) > 0.02, "plug-in information is biased");
        assert!(information(&predicted(&tested), 6) < 0.0);
        // A code that never occurred has the distribution of all keys.
        let one = CodeNames::learn([(0, 1), (0, 1), (0, 0)].into_iter(), 2, 2);
        let sum: f64 = one.given(1).iter().map(|value| value.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9 && one.given(1)[1] > one.given(1)[0]);
    }

    /// Catches: probabilities of merged classes are averaged, or belong to another class.
    #[test]
    fn merged_classes_add_up() {
        let rows: Vec<f64> = [0.5, 0.2, 0.3, 0.1, 0.8, 0.1].map(f64::ln).to_vec();
        let merged = coarser(&rows, &[1, 0, 1], 2);
        let expected = [0.2, 0.8, 0.8, 0.2].map(f64::ln);
        assert!(merged.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{merged:?}");
    }
}
