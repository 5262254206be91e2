//! Agreement of latent actions with true actions, for the report.

use std::collections::BTreeMap;

use crate::held_out::{HeldOutWindow, LabelNames, LabelledWindows};
use crate::measure::Measurement;
use crate::report::averages::Grouping;
use crate::report::schema::{ActionAgreement, Confusion};
use crate::statistics::agreement::{Agreement, Pairs, agreement};

/// The windows on which agreement is measured, and their latent actions.
pub struct AgreementWindows<'a> {
    pub windows: &'a [HeldOutWindow],
    /// Latent actions between the frames of each window.
    pub latent: Vec<&'a [u8]>,
    /// Number of windows from which they were chosen.
    pub available: usize,
    /// Names of the true actions and effects.
    pub names: &'a LabelNames,
}

impl<'a> AgreementWindows<'a> {
    /// Takes the windows with labels; `latent` has the latent actions of each.
    pub fn labelled(
        labelled: &'a LabelledWindows,
        latent: &'a [Vec<u8>],
        names: &'a LabelNames,
    ) -> AgreementWindows<'a> {
        AgreementWindows {
            windows: &labelled.windows,
            latent: latent.iter().map(Vec::as_slice).collect(),
            available: labelled.available,
            names,
        }
    }

    /// Takes the windows whose rollouts are measured, with their latent actions.
    pub fn measured(
        found: &'a Measurement,
        windows: &'a [HeldOutWindow],
        names: &'a LabelNames,
    ) -> AgreementWindows<'a> {
        AgreementWindows {
            windows,
            latent: found.scores.iter().map(|scores| scores.latent.as_slice()).collect(),
            available: windows.len(),
            names,
        }
    }

    /// Returns the number of windows with true actions.
    pub fn with_truth(&self) -> usize {
        self.windows.iter().filter(|window| window.truth.is_some()).count()
    }

    /// Measures agreement of `codes` latent actions with the true actions or with their effects.
    ///
    /// `truth` returns the true actions or effects of a window. `names` has their names. A window
    /// without them does not count.
    pub fn agree(
        &self,
        codes: usize,
        names: &[String],
        truth: impl Fn(&'a HeldOutWindow) -> Option<&'a Vec<u8>>,
        (draws, seed): (usize, u64),
    ) -> Option<Agreement> {
        let (grouping, mut numbers) = (Grouping::of(self.windows), BTreeMap::new());
        let mut pairs = Vec::new();
        for ((window, latent), &group) in self.windows.iter().zip(&self.latent).zip(&grouping.group)
        {
            let Some(truth) = truth(window) else { continue };
            // Groups without true actions must not be resampled, so the others get new numbers.
            let next = numbers.len();
            let group = *numbers.entry(group).or_insert(next);
            pairs.push(Pairs { group, latent: latent.to_vec(), truth: truth.clone() });
        }
        let highest =
            pairs.iter().flat_map(|p| &p.truth).max().map_or(0, |&label| usize::from(label) + 1);
        agreement(&pairs, codes, highest.max(names.len()), draws, seed)
    }
}

fn confusion(found: &Agreement, names: &[String]) -> Confusion {
    let counts = found.confusion.rows();
    let columns = counts.first().map_or(0, Vec::len);
    let name =
        |label: usize| names.get(label).cloned().unwrap_or_else(|| format!("action {label}"));
    Confusion { names: (0..columns).map(name).collect(), counts }
}

pub fn action_agreement(
    keys: &Agreement,
    effect: Option<&Agreement>,
    names: &LabelNames,
) -> ActionAgreement {
    ActionAgreement {
        nmi: keys.nmi,
        nmi_ci95: keys.nmi_ci95,
        nmi_shuffled: keys.nmi_shuffled,
        nmi_shuffled_p95: keys.nmi_shuffled_p95,
        accuracy: keys.accuracy,
        accuracy_ci95: keys.accuracy_ci95,
        accuracy_baseline: keys.accuracy_baseline,
        confusion: confusion(keys, &names.actions),
        effect_nmi: effect.map(|e| e.nmi),
        effect_nmi_ci95: effect.and_then(|e| e.nmi_ci95),
        effect_nmi_shuffled: effect.map(|e| e.nmi_shuffled),
        effect_nmi_shuffled_p95: effect.map(|e| e.nmi_shuffled_p95),
        effect_accuracy: effect.map(|e| e.accuracy),
        effect_accuracy_ci95: effect.and_then(|e| e.accuracy_ci95),
        effect_accuracy_baseline: effect.map(|e| e.accuracy_baseline),
        effect_confusion: effect.map(|e| confusion(e, &names.effects)),
    }
}
