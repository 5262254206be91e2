//! Agreement of latent actions with true actions.
//!
//! The input is a list of pairs (latent action, true action), one for each two neighbouring frames.
//! There are two measures:
//!
//! - NMI: the information that one action carries about the other (`information.rs`). It
//!   comes with its value for shuffled true actions. Keys are held for several frames, so both
//!   sequences change slowly, and slow sequences often agree by chance. The shuffled sequences
//!   change as slowly: each window gets the true actions of another window, rotated by a random
//!   offset. This is repeated many times.
//! - Accuracy: each latent action is named after the true action that it occurs with most often,
//!   and hits are counted. The names for one group (source) are learnt on all other groups, because
//!   a map that is tested on its own training data always looks better than chance. The baseline
//!   always answers with the most common action.

use rand::{RngExt, seq::SliceRandom};

use crate::random::{Purpose, stream};
use crate::statistics::bootstrap::{Bootstrap, Interval, quantile};
use crate::statistics::information::PairCounts;

/// The action pairs of one window, at least one.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// The window's group (source); groups are numbered without gaps.
    pub group: usize,
    pub latent: Vec<u8>,
    pub truth: Vec<u8>,
}

/// NMI and accuracy, with their intervals and chance levels.
#[derive(Debug, Clone)]
pub struct Agreement {
    pub pairs: u64,
    pub nmi: f64,
    pub nmi_ci95: Option<Interval>,
    /// Mean and 95th percentile of the NMI with shuffled true actions.
    pub nmi_shuffled: f64,
    pub nmi_shuffled_p95: f64,
    pub accuracy: f64,
    pub accuracy_ci95: Option<Interval>,
    pub accuracy_baseline: f64,
    /// One row for each latent action, one column for each true action.
    pub confusion: PairCounts,
}

/// Measures agreement; `None` if there is no pair.
///
/// `draws` is the number of shuffles and of bootstrap draws.
#[must_use]
pub fn agreement(
    windows: &[Pairs],
    latents: usize,
    truths: usize,
    draws: usize,
    seed: u64,
) -> Option<Agreement> {
    let by_group = ByGroup::new(windows, latents, truths)?;
    let groups = by_group.groups();
    let confusion = weighted(&by_group.tables, &vec![1; groups]);
    if confusion.total() == 0 {
        return None;
    }
    let bootstrap = Bootstrap::new(groups, draws, seed);
    let unit = |[lo, hi]: Interval| [lo.clamp(0.0, 1.0), hi.clamp(0.0, 1.0)];

    let nmi = confusion.nmi();
    let nmi_ci95 = bootstrap.interval(nmi, |draw| by_group.nmi(draw)).map(unit);
    let shuffled = shuffled_nmi(windows, latents, truths, draws, seed);

    let accuracy = by_group.accuracy(&vec![1; groups]);
    let commonest = confusion.column_sums().into_iter().max().unwrap_or(0);
    Some(Agreement {
        pairs: confusion.total(),
        nmi,
        nmi_ci95,
        nmi_shuffled: shuffled.iter().sum::<f64>() / shuffled.len() as f64,
        nmi_shuffled_p95: quantile(&shuffled, 0.95),
        accuracy,
        accuracy_ci95: bootstrap.interval(accuracy, |draw| by_group.accuracy(draw)).map(unit),
        accuracy_baseline: commonest as f64 / confusion.total() as f64,
        confusion,
    })
}

/// NMI and accuracy as functions of the weight of each group, for the bootstrap.
pub struct ByGroup {
    tables: Vec<PairCounts>,
    hits: Vec<(u64, u64)>,
}

impl ByGroup {
    /// Counts pairs for each group; `None` if there is no window.
    #[must_use]
    pub fn new(windows: &[Pairs], latents: usize, truths: usize) -> Option<ByGroup> {
        let groups = windows.iter().map(|w| w.group + 1).max()?;
        let tables = tables_by_group(windows, groups, latents, truths);
        Some(ByGroup { tables, hits: cross_fitted_hits(windows, groups, latents, truths) })
    }

    fn groups(&self) -> usize {
        self.tables.len()
    }

    /// Returns the NMI if each group counts `multiplicity` times.
    #[must_use]
    pub fn nmi(&self, multiplicity: &[u32]) -> f64 {
        weighted(&self.tables, multiplicity).nmi()
    }

    /// Returns the accuracy if each group counts `multiplicity` times.
    ///
    /// The names of a group come from all other groups. Each of these counts once.
    #[must_use]
    pub fn accuracy(&self, multiplicity: &[u32]) -> f64 {
        share(&self.hits, multiplicity)
    }
}

fn tables_by_group(
    windows: &[Pairs],
    groups: usize,
    latents: usize,
    truths: usize,
) -> Vec<PairCounts> {
    let mut tables = vec![PairCounts::new(latents, truths); groups];
    for window in windows {
        tables[window.group].count(&window.latent, &window.truth);
    }
    tables
}

fn weighted(tables: &[PairCounts], multiplicity: &[u32]) -> PairCounts {
    let mut total = tables[0].zeroed();
    tables.iter().zip(multiplicity).for_each(|(table, &times)| total.add(table, times));
    total
}

/// Returns the sorted NMIs of `draws` shuffles, at least one.
fn shuffled_nmi(
    windows: &[Pairs],
    latents: usize,
    truths: usize,
    draws: usize,
    seed: u64,
) -> Vec<f64> {
    let mut rng = stream(seed, Purpose::TruthShuffle, 0);
    let mut order: Vec<usize> = (0..windows.len()).collect();
    let mut values: Vec<f64> = (0..draws.max(1))
        .map(|_| {
            order.shuffle(&mut rng);
            let mut table = PairCounts::new(latents, truths);
            for (window, &other) in windows.iter().zip(&order) {
                let truth = &windows[other].truth;
                let offset = rng.random_range(0..truth.len());
                // Windows at the edges of clips may have fewer pairs.
                let rotated = truth.iter().cycle().skip(offset).take(window.latent.len());
                table.count(&window.latent, &rotated.copied().collect::<Vec<_>>());
            }
            table.nmi()
        })
        .collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Returns (hits, pairs) for each group, with names learnt on all other groups.
fn cross_fitted_hits(
    windows: &[Pairs],
    groups: usize,
    latents: usize,
    truths: usize,
) -> Vec<(u64, u64)> {
    // A single group has no other groups, so each window in turn is excluded.
    let fold = |index: usize, window: &Pairs| if groups > 1 { window.group } else { index };
    let folds = if groups > 1 { groups } else { windows.len() };
    let mut tables = vec![PairCounts::new(latents, truths); folds];
    for (index, window) in windows.iter().enumerate() {
        tables[fold(index, window)].count(&window.latent, &window.truth);
    }
    let mut others = vec![1; folds];
    let mut hits = vec![(0, 0); groups];
    for (left_out, table) in tables.iter().enumerate() {
        others[left_out] = 0;
        let names = weighted(&tables, &others).majority();
        others[left_out] = 1;
        let group = if groups > 1 { left_out } else { 0 };
        hits[group].0 += table.rows().iter().zip(names).map(|(row, name)| row[name]).sum::<u64>();
        hits[group].1 += table.total();
    }
    hits
}

fn share(hits: &[(u64, u64)], multiplicity: &[u32]) -> f64 {
    let (mut right, mut all) = (0, 0);
    for (&(hit, pairs), &times) in hits.iter().zip(multiplicity) {
        right += hit * u64::from(times);
        all += pairs * u64::from(times);
    }
    right as f64 / all as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Windows with keys that are held for `hold` frames.
    ///
    /// `latent` gives the latent action from the true action and from another, independent held
    /// key.
    fn windows(
        count: usize,
        hold: usize,
        salt: usize,
        latent: impl Fn(u8, u8) -> u8,
    ) -> Vec<Pairs> {
        let mut rng = stream(1, Purpose::Windows, salt);
        let mut keys_down = || -> Vec<u8> {
            let keys: Vec<u8> = (0..16 + hold)
                .map(|_| rng.random_range(0..4))
                .flat_map(|action| vec![action; hold])
                .collect();
            keys[rng.random_range(0..hold)..][..15].to_vec()
        };
        (0..count)
            .map(|index| {
                let (truth, other) = (keys_down(), keys_down());
                let latent = truth.iter().zip(&other).map(|(&a, &o)| latent(a, o)).collect();
                Pairs { group: index / 4, latent, truth }
            })
            .collect()
    }

    /// Catches: actions are compared by number; the two lists are offset by one entry.
    #[test]
    fn renumbered_actions_agree_fully() {
        let found = agreement(&windows(40, 3, 0, |a, _| 3 - a), 4, 4, 200, 0).unwrap();
        assert!((found.nmi - 1.0).abs() < 1e-12);
        assert!((found.accuracy - 1.0).abs() < 1e-12);
        assert!(found.nmi_shuffled_p95 < 0.1 && found.nmi_shuffled < found.nmi_shuffled_p95);
        assert!(found.accuracy_baseline < 0.5);
    }

    /// Catches: the chance level is computed from single shuffled entries. Most independent
    /// sequences that change slowly exceed it.
    #[test]
    fn independent_slow_labels_pass_the_shuffled_baseline_as_rarely_as_promised() {
        let passed = (0..100)
            .filter(|&salt| {
                let found =
                    agreement(&windows(24, 7, salt, |_, other| other), 4, 4, 100, 0).unwrap();
                found.nmi > found.nmi_shuffled_p95
            })
            .count();
        assert!((1..=12).contains(&passed), "{passed} of 100 instead of about 5");
    }

    /// Catches: names are learnt and tested on the same pairs, which beats the baseline on pure
    /// noise.
    #[test]
    fn accuracy_of_noise_is_not_above_its_baseline() {
        let excess: f64 = (0..100)
            .map(|salt| agreement(&windows(8, 5, salt, |_, other| other), 4, 4, 1, 0).unwrap())
            .map(|found| found.accuracy - found.accuracy_baseline)
            .sum();
        assert!(excess / 100.0 <= 0.0, "{}", excess / 100.0);
    }

    /// Catches: a report without true actions gives an agreement of 0, which readers understand as
    /// "no control".
    #[test]
    fn no_truth_is_no_agreement() {
        assert!(agreement(&[], 4, 4, 10, 0).is_none());
    }
}
