//! Computes the numbers of the report from the predictions of each reader at each step.
//!
//! A reader is the latent action model or one of the supervised networks.

use genie_model::{FramesSeen, LAGS};

use crate::evaluation::ceiling::classes::Division;
use crate::evaluation::ceiling::share::{Resampled, share};
use crate::evaluation::ceiling::steps::WindowSteps;
use crate::report::schema::{KeyReading, KeyReadingAtLag, KeyReadings};
use crate::statistics::agreement::{ByGroup, Pairs, agreement};
use crate::statistics::bootstrap::Bootstrap;
use crate::statistics::prediction::{CodeNames, PredictedKeys, coarser, information, score};

/// Log-probabilities `[step, lag, class]` of the keys, for each window.
pub type KeyProbabilities = Vec<Vec<f64>>;

/// The predictions of a reader on held-out windows, and on the windows that choose the lag.
pub struct Reader {
    pub seen: FramesSeen,
    pub held_out: KeyProbabilities,
    pub lags: KeyProbabilities,
    /// The number of latent actions, if the reader is the latent action model.
    pub codes: Option<usize>,
}

/// The measured steps, and the settings of the statistics.
pub struct Measured<'a> {
    pub held_out: &'a [WindowSteps],
    /// Training windows on which latent actions are named.
    pub naming: &'a [WindowSteps],
    /// The first of these windows, on which lags are chosen.
    pub lags: &'a [WindowSteps],
    pub draws: usize,
    pub seed: u64,
}

impl Measured<'_> {
    /// Makes the resamples of recordings; they are the same for every reader.
    fn bootstrap(&self) -> Bootstrap {
        let groups = self.held_out.iter().map(|window| window.group + 1).max().unwrap_or(0);
        Bootstrap::new(groups, self.draws, self.seed)
    }
}

/// Learns the names of latent actions on training windows, and names them on all windows.
pub fn latent_reader(
    measured: &Measured<'_>,
    seen: FramesSeen,
    codes: usize,
    classes: usize,
) -> Reader {
    let names: [CodeNames; LAGS] = std::array::from_fn(|lag| {
        let pairs = measured
            .naming
            .iter()
            .flat_map(|window| window.codes.iter().copied().zip(window.keys[lag].iter().copied()));
        CodeNames::learn(pairs, codes, classes)
    });
    let named = |window: &WindowSteps| {
        let rows = window.codes.iter().flat_map(|&code| names.iter().map(move |at| at.given(code)));
        rows.flatten().copied().collect()
    };
    Reader {
        seen,
        held_out: measured.held_out.iter().map(named).collect(),
        lags: measured.lags.iter().map(named).collect(),
        codes: Some(codes),
    }
}

impl Reader {
    /// Returns the predictions of a division's classes at one lag.
    fn predicted(
        windows: &[WindowSteps],
        probabilities: &KeyProbabilities,
        lag: usize,
        division: &Division,
    ) -> Vec<PredictedKeys> {
        let classes = division.class_of.len();
        let window = |(window, rows): (&WindowSteps, &Vec<f64>)| {
            let at_lag: Vec<f64> =
                rows.chunks(classes).skip(lag).step_by(LAGS).flatten().copied().collect();
            PredictedKeys {
                group: window.group,
                keys: division.of(&window.keys[lag]),
                log_probabilities: coarser(&at_lag, &division.class_of, division.len()),
            }
        };
        windows.iter().zip(probabilities).map(window).collect()
    }

    /// Measures one lag on the held-out windows.
    fn at_lag(
        &self,
        measured: &Measured<'_>,
        lag: usize,
        division: &Division,
    ) -> (KeyReadingAtLag, Resampled) {
        let predicted = Self::predicted(measured.held_out, &self.held_out, lag, division);
        let symbols = self.codes.unwrap_or(division.len());
        let pairs: Vec<Pairs> = predicted
            .iter()
            .zip(measured.held_out)
            .map(|(predicted, window)| Pairs {
                group: window.group,
                latent: match self.codes {
                    Some(_) => window.codes.clone(),
                    None => predicted.most_likely(),
                },
                truth: predicted.keys.clone(),
            })
            .collect();
        let (draws, seed) = (measured.draws, measured.seed);
        let agreed = agreement(&pairs, symbols, division.len(), draws, seed);
        let found = score(&predicted, division.len(), &measured.bootstrap());
        let numbers = KeyReadingAtLag {
            lag,
            nmi: agreed.as_ref().map_or(0.0, |agreed| agreed.nmi),
            nmi_ci95: agreed.as_ref().and_then(|agreed| agreed.nmi_ci95),
            nmi_shuffled: agreed.as_ref().map_or(0.0, |agreed| agreed.nmi_shuffled),
            information_nats: found.information,
            information_nats_ci95: found.information_ci95,
            accuracy: found.accuracy,
            accuracy_ci95: found.accuracy_ci95,
            entropy_nats: found.entropy,
            accuracy_baseline: found.accuracy_baseline,
        };
        let agreed = ByGroup::new(&pairs, symbols, division.len());
        (numbers, Resampled { agreed, predicted: found })
    }

    /// Measures all lags on the held-out windows, and chooses one on the training windows.
    ///
    /// Also returns the statistics of the chosen lag.
    fn reading(&self, measured: &Measured<'_>, division: &Division) -> (KeyReading, Resampled) {
        let (lags, sampled): (Vec<_>, Vec<_>) =
            (0..LAGS).map(|lag| self.at_lag(measured, lag, division)).unzip();
        let on_training = |lag: usize| {
            let predicted = Self::predicted(measured.lags, &self.lags, lag, division);
            information(&predicted, division.len())
        };
        // `max_by` returns the last of equal lags: in this order, the smallest.
        let best = (0..LAGS).rev().max_by(|a, b| on_training(*a).total_cmp(&on_training(*b)));
        let best = best.unwrap_or(0);
        let reading = KeyReading {
            frames_before: self.seen.before,
            frames_after: self.seen.after,
            chosen: lags[best].clone(),
            lags,
        };
        (reading, sampled.into_iter().nth(best).expect("one entry for each lag"))
    }
}

/// Measures the latent actions and the three networks for one division of keys.
pub fn readings(
    measured: &Measured<'_>,
    readers: [&Reader; 4],
    division: &Division,
) -> KeyReadings {
    let bootstrap = measured.bootstrap();
    let [latent, narrow, ahead, wide] = readers.map(|reader| reader.reading(measured, division));
    let of = |network: &(KeyReading, Resampled)| {
        share((&latent.0.chosen, &latent.1), (&network.0.chosen, &network.1), &bootstrap)
    };
    KeyReadings {
        names: division.names(),
        of_narrow: of(&narrow),
        of_ahead: Some(of(&ahead)),
        of_wide: of(&wide),
        latent: latent.0,
        narrow: narrow.0,
        ahead: Some(ahead.0),
        wide: wide.0,
    }
}
