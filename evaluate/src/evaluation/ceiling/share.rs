//! The numbers of the latent actions divided by those of a network, with intervals.
//!
//! The latent actions and the network are measured at the same steps, and a recording that is
//! difficult for one is difficult for the other. So each resample of recordings gives a numerator
//! and a denominator, and their ratio is one draw. The interval of a ratio is therefore narrower
//! than those of its two numbers suggest.

use std::cell::Cell;

use crate::report::schema::{CeilingShare, KeyReadingAtLag};
use crate::statistics::agreement::ByGroup;
use crate::statistics::bootstrap::{Bootstrap, Interval};
use crate::statistics::prediction::PredictionScore;

/// The scores of a reader at one lag, as functions of how often each recording counts.
pub struct Resampled {
    /// `None` if there are no steps.
    pub agreed: Option<ByGroup>,
    pub predicted: PredictionScore,
}

/// Returns the latent actions' numbers as a share of a network's.
///
/// Each argument has the numbers at one lag, and the same numbers as functions of a resample.
pub fn share(
    (latent, latent_sampled): (&KeyReadingAtLag, &Resampled),
    (network, network_sampled): (&KeyReadingAtLag, &Resampled),
    bootstrap: &Bootstrap,
) -> CeilingShare {
    // If the network has no information, its NMI is above 0 only by chance.
    let reads = network.information_nats > 0.0;
    let nmi = |of: &Resampled, draw: &[u32]| of.agreed.as_ref().map_or(0.0, |of| of.nmi(draw));
    let information = |of: &Resampled, draw: &[u32]| of.predicted.gain.weighted(draw);
    let above = |of: &Resampled, draw: &[u32]| {
        of.predicted.hits.weighted(draw) - of.predicted.commonest.weighted(draw)
    };
    let above_at = |reading: &KeyReadingAtLag| reading.accuracy - reading.accuracy_baseline;
    let interval = |estimate: Option<f64>, value: &dyn Fn(&Resampled, &[u32]) -> f64| {
        interval(estimate?, bootstrap, |draw| {
            [value(latent_sampled, draw), value(network_sampled, draw)]
        })
    };
    let of = |part: f64, whole: f64, least: f64| (whole > least).then(|| part / whole);
    let nmi_share = of(latent.nmi, network.nmi, network.nmi_shuffled).filter(|_| reads);
    let information_share = of(latent.information_nats, network.information_nats, 0.0);
    let accuracy_share = of(above_at(latent), above_at(network), 0.0);
    CeilingShare {
        nmi_share,
        nmi_share_ci95: interval(nmi_share, &nmi),
        information_share,
        // Information below zero counts as none.
        information_share_ci95: interval(information_share, &information)
            .map(|[lo, hi]| [lo.max(0.0), hi.max(0.0)]),
        accuracy_share,
        accuracy_share_ci95: interval(accuracy_share, &above),
    }
}

/// Returns the interval of a ratio; `of` gives its two parts for a resample.
///
/// `None` if the denominator is not above zero in every resample: then the ratio has no bounds.
fn interval(
    estimate: f64,
    bootstrap: &Bootstrap,
    of: impl Fn(&[u32]) -> [f64; 2],
) -> Option<Interval> {
    let bounded = Cell::new(true);
    let found = bootstrap.interval(estimate, |draw| {
        let [part, whole] = of(draw);
        bounded.set(bounded.get() && whole > 0.0);
        part / whole
    });
    found.filter(|_| bounded.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::agreement::Pairs;
    use crate::statistics::prediction::{PredictedKeys, score};

    const STEPS: usize = 10;

    /// A reader whose gain in nats over chance is `gain(recording)` at every step.
    fn reader(
        recordings: usize,
        gain: impl Fn(usize) -> f64,
        bootstrap: &Bootstrap,
    ) -> (KeyReadingAtLag, Resampled) {
        let keys: Vec<u8> = (0..STEPS).map(|step| (step % 2) as u8).collect();
        let windows: Vec<PredictedKeys> = (0..recordings)
            .map(|group| {
                let row = |&key: &u8| {
                    let right = gain(group) - 2.0_f64.ln();
                    if key == 0 { [right, right - 1.0] } else { [right - 1.0, right] }
                };
                let log_probabilities = keys.iter().flat_map(row).collect();
                PredictedKeys { group, keys: keys.clone(), log_probabilities }
            })
            .collect();
        let pairs: Vec<Pairs> = (0..recordings)
            .map(|group| Pairs { group, latent: keys.clone(), truth: keys.clone() })
            .collect();
        let found = score(&windows, 2, bootstrap);
        let numbers = KeyReadingAtLag {
            lag: 0,
            nmi: 1.0,
            nmi_ci95: None,
            nmi_shuffled: 0.0,
            information_nats: found.information,
            information_nats_ci95: found.information_ci95,
            accuracy: found.accuracy,
            accuracy_ci95: found.accuracy_ci95,
            entropy_nats: found.entropy,
            accuracy_baseline: found.accuracy_baseline,
        };
        (numbers, Resampled { agreed: ByGroup::new(&pairs, 2, 2), predicted: found })
    }

    fn shares(
        recordings: usize,
        latent: impl Fn(usize) -> f64,
        network: impl Fn(usize) -> f64,
    ) -> CeilingShare {
        let bootstrap = Bootstrap::new(recordings, 300, 0);
        let latent = reader(recordings, latent, &bootstrap);
        let network = reader(recordings, network, &bootstrap);
        share((&latent.0, &latent.1), (&network.0, &network.1), &bootstrap)
    }

    /// Catches: numerator and denominator have different resamples, so that a share which is the
    /// same in every recording gets a wide interval.
    #[test]
    fn a_share_that_is_the_same_everywhere_has_a_narrow_interval() {
        // Recordings differ by a factor of ten.
        let network = |group: usize| 0.1 + 0.1 * group as f64;
        let found = shares(10, |group| network(group) / 2.0, network);
        let [lo, hi] = found.information_share_ci95.unwrap();
        assert!((found.information_share.unwrap() - 0.5).abs() < 1e-9, "{found:?}");
        assert!((lo - 0.5).abs() < 1e-9 && (hi - 0.5).abs() < 1e-9, "{found:?}");
        assert_eq!((found.nmi_share, found.nmi_share_ci95), (Some(1.0), Some([1.0, 1.0])));
        // If the latent actions have information on some recordings only, the interval is wide.
        let some = |group: usize| if group.is_multiple_of(2) { network(group) } else { 0.0 };
        let [lo, hi] = shares(10, some, network).information_share_ci95.unwrap();
        assert!(lo < 0.4 && hi > 0.5, "[{lo}, {hi}]");
    }

    /// Catches: the interval of a ratio ignores resamples in which the network has no information.
    #[test]
    fn a_ceiling_that_may_be_zero_gives_no_interval() {
        let found = shares(3, |_| 0.1, |group| [0.9, 0.2, -0.5][group]);
        assert!(found.information_share.is_some());
        assert_eq!(found.information_share_ci95, None);
    }
}
