//! Cards about latent actions: control, consistency, and agreement with true actions.

use crate::page::numbers::{decibel, interval, no_interval, percent};
use crate::page::verdict::card::{Card, Rating, above};
use crate::report::schema::{ActionAgreement, Ceiling, HeadlineNumbers};
use crate::statistics::bootstrap::Interval;
use crate::statistics::consistency::Consistency;

pub fn control(h: &HeadlineNumbers) -> [Card; 2] {
    let (random, timing) =
        (above(h.delta_psnr_db_ci95, 0.0), above(h.delta_psnr_time_shuffled_db_ci95, 0.0));
    // Control needs both numbers, because a gain from timing alone may be chance.
    let shuffled =
        if timing == Rating::Good && random != Rating::Good { Rating::Unclear } else { timing };
    [
        Card {
            title: format!("ΔPSNR at t = {}, random actions", h.t),
            value: decibel(h.delta_psnr_db, true),
            interval: interval(h.delta_psnr_db_ci95, 2),
            baseline: "0 dB: actions change nothing".into(),
            rating: random,
            verdict: match random {
                Rating::Good => "The latent actions control the generated frames.",
                Rating::Unclear => {
                    "The interval contains zero. It is not proved that actions matter."
                }
                Rating::Bad => "The clip's own actions give worse frames than random ones.",
            },
            meaning: "Gain in PSNR, against the real frame, of the clip's own latent actions over \
                      random ones. Not proved if the interval contains zero.",
        },
        Card {
            title: format!("ΔPSNR at t = {}, shuffled in time", h.t),
            value: decibel(h.delta_psnr_time_shuffled_db, true),
            interval: interval(h.delta_psnr_time_shuffled_db_ci95, 2),
            baseline: "0 dB: timing does not matter".into(),
            rating: shuffled,
            verdict: match (timing, random) {
                (Rating::Good, Rating::Good) => {
                    "The time of an action matters: this is control, not a label of the clip."
                }
                (Rating::Good, _) => {
                    "Timing matters, but random actions are about as good: weak evidence of \
                     control."
                }
                (_, Rating::Good) => {
                    "Actions may only describe the look of the clip, not what happens in it."
                }
                _ => "The interval contains zero or lies below it. Control is not proved.",
            },
            meaning: "The same gain over the clip's own actions in another order. Actions that \
                      only describe the look of the level have a high gain over random ones and \
                      zero here.",
        },
    ]
}

pub fn agreements(agreement: &ActionAgreement) -> Vec<Card> {
    let a = agreement;
    let mut cards = vec![
        nmi(
            "Agreement with the true action (NMI)",
            a.nmi,
            a.nmi_ci95,
            a.nmi_shuffled,
            a.nmi_shuffled_p95,
        ),
        accuracy("Correctly named true actions", a.accuracy, a.accuracy_ci95, a.accuracy_baseline),
    ];
    if let (Some(value), Some(mean), Some(p95)) =
        (a.effect_nmi, a.effect_nmi_shuffled, a.effect_nmi_shuffled_p95)
    {
        cards.push(nmi(
            "Agreement with the true movement (NMI)",
            value,
            a.effect_nmi_ci95,
            mean,
            p95,
        ));
    }
    if let (Some(value), Some(baseline)) = (a.effect_accuracy, a.effect_accuracy_baseline) {
        cards.push(accuracy(
            "Correctly named true movements",
            value,
            a.effect_accuracy_ci95,
            baseline,
        ));
    }
    cards
}

pub fn nmi(title: &str, value: f64, ci95: Option<Interval>, mean: f64, p95: f64) -> Card {
    let rating = if value <= p95 { Rating::Bad } else { above(ci95, p95) };
    Card {
        title: title.into(),
        value: format!("{value:.3}"),
        interval: interval(ci95, 3),
        baseline: format!("shuffled true actions {mean:.3}; 95 of 100 shuffles below {p95:.3}"),
        rating,
        verdict: match rating {
            Rating::Good => "Clearly more than chance.",
            Rating::Unclear => "More than chance, but the interval is too wide to be sure.",
            Rating::Bad => "Not more than chance.",
        },
        meaning: "Information of the latent action about the true action: 0 is none, 1 is all. \
                  Blocked moves keep it below 1 even with perfect control.",
    }
}

/// Rates the latent actions by a comparison with supervised networks.
pub fn ceiling(ceiling: &Ceiling) -> Card {
    /// Smallest share of the ceiling that is good; the whole interval must be above it.
    const GOOD: f64 = 0.5;
    let keys = &ceiling.keys;
    let (narrow, wide) = (keys.of_narrow.information_share, keys.of_wide.information_share);
    let text = |share: Option<f64>| share.map_or_else(|| "not known".to_owned(), percent);
    let bounds = keys.of_narrow.information_share_ci95.map_or_else(no_interval, |[lo, hi]| {
        format!("95\u{a0}%: {} to {}", percent(lo), percent(hi))
    });
    let surely = keys.of_narrow.information_share_ci95.is_some_and(|[lo, _]| lo >= GOOD);
    let rating = match narrow {
        Some(_) if surely => Rating::Good,
        Some(share) if share > 0.0 => Rating::Unclear,
        Some(_) => Rating::Bad,
        None => Rating::Unclear,
    };
    Card {
        title: "Share of what the frames say about true actions".into(),
        value: text(narrow),
        interval: format!("{bounds}; of what more frames say: {}", text(wide)),
        baseline: format!(
            "supervised networks read {:.3} and {:.3} of {:.2} nats",
            keys.narrow.chosen.information_nats,
            keys.wide.chosen.information_nats,
            keys.latent.chosen.entropy_nats
        ),
        rating,
        verdict: match (rating, narrow) {
            (Rating::Good, _) => "The latent actions have most of what these frames say.",
            (_, None) => "The supervised network reads nothing: the ceiling is not known.",
            (Rating::Bad, _) => "The latent actions say nothing about the true actions.",
            (Rating::Unclear, _) => "The frames say more than the latent actions do.",
        },
        meaning: "Information about the true action in the latent action, divided by what a \
                  supervised network reads from the frames that the latent action model sees. \
                  Agreement cannot be higher than what the frames say.",
    }
}

/// Rates consistency: the effects must be more alike than those of permuted actions.
pub fn consistency(c: &Consistency) -> Card {
    let rating = if c.explained <= c.shuffled_p95 {
        Rating::Bad
    } else {
        above(c.explained_ci95, c.shuffled_p95)
    };
    Card {
        title: "Same action, same effect".into(),
        value: percent(c.explained),
        interval: c.explained_ci95.map_or_else(no_interval, |[lo, hi]| {
            format!("95\u{a0}%: {} to {}", percent(lo), percent(hi))
        }),
        baseline: format!(
            "permuted actions {}; 95 of 100 permutations below {}",
            percent(c.shuffled),
            percent(c.shuffled_p95)
        ),
        rating,
        verdict: match rating {
            Rating::Good => "An action has nearly the same effect from every start.",
            Rating::Unclear => {
                "More alike than by chance, but the interval is too wide to be sure."
            }
            Rating::Bad => "The effect of an action depends on the place, not on the action.",
        },
        meaning: "Each latent action is held from many starts. This is the share of the \
                  differences in motion that the action alone explains. Walls and falls keep it \
                  below 100\u{a0}% even with perfect control.",
    }
}

fn accuracy(title: &str, value: f64, ci95: Option<Interval>, baseline: f64) -> Card {
    let rating = if value <= baseline { Rating::Bad } else { above(ci95, baseline) };
    Card {
        title: title.into(),
        value: percent(value),
        interval: ci95.map_or_else(no_interval, |[lo, hi]| {
            format!("95\u{a0}%: {} to {}", percent(lo), percent(hi))
        }),
        baseline: format!("always the most common {}", percent(baseline)),
        rating,
        verdict: match rating {
            Rating::Good => "Better than always answering the most common one.",
            Rating::Unclear => "Above the baseline, but the interval is too wide to be sure.",
            Rating::Bad => "Not better than always answering the most common one.",
        },
        meaning: "Each latent action is named after the true one that it occurs with most often in \
                  the other recordings. This is the share of correct names.",
    }
}
