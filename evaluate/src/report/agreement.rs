//! Agreement of latent actions with true actions, for the report.

use std::collections::BTreeMap;

use crate::held_out::{HeldOutWindow, LabelNames};
use crate::measure::Measurement;
use crate::report::averages::Grouping;
use crate::report::schema::{ActionAgreement, Confusion};
use crate::statistics::agreement::{Agreement, Pairs, agreement};

/// Measures agreement with the true actions or with their effects, over the windows that have them.
pub fn agree<'a>(
    found: &Measurement,
    windows: &'a [HeldOutWindow],
    grouping: &Grouping,
    names: &[String],
    truth: impl Fn(&'a HeldOutWindow) -> Option<&'a Vec<u8>>,
    draws: usize,
    seed: u64,
) -> Option<Agreement> {
    let mut numbers = BTreeMap::new();
    let mut pairs = Vec::new();
    for ((window, scores), &group) in windows.iter().zip(&found.scores).zip(&grouping.group) {
        let Some(truth) = truth(window) else { continue };
        // Groups without true actions must not be drawn, so the others get new numbers.
        let next = numbers.len();
        let group = *numbers.entry(group).or_insert(next);
        pairs.push(Pairs { group, latent: scores.latent.clone(), truth: truth.clone() });
    }
    let highest =
        pairs.iter().flat_map(|p| &p.truth).max().map_or(0, |&label| usize::from(label) + 1);
    agreement(&pairs, found.action_counts.len(), highest.max(names.len()), draws, seed)
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
