//! Cards on what latent actions do.

use crate::page::numbers::{decibel, interval, no_interval, percent};
use crate::page::verdict::card::{Card, Rating, above};
use crate::report::schema::{ActionAgreement, HeadlineNumbers};
use crate::statistics::bootstrap::Interval;
use crate::statistics::consistency::Consistency;

pub fn control(h: &HeadlineNumbers) -> [Card; 2] {
    let (random, timing) =
        (above(h.delta_psnr_db_ci95, 0.0), above(h.delta_psnr_time_shuffled_db_ci95, 0.0));
    // Control shows in both numbers: timing alone may be chance.
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
                Rating::Good => "The latent actions steer what is generated.",
                Rating::Unclear => "The interval holds zero: no proof yet that actions matter.",
                Rating::Bad => "The clip's own actions do worse than random ones.",
            },
            meaning: "How much closer to the real frame the model gets with the clip's own latent actions than with random ones. \
                      Bad when its interval holds zero.",
        },
        Card {
            title: format!("ΔPSNR at t = {}, shuffled in time", h.t),
            value: decibel(h.delta_psnr_time_shuffled_db, true),
            interval: interval(h.delta_psnr_time_shuffled_db_ci95, 2),
            baseline: "0 dB: timing does not matter".into(),
            rating: shuffled,
            verdict: match (timing, random) {
                (Rating::Good, Rating::Good) => {
                    "It matters when an action happens: this is control, not a label of the clip."
                }
                (Rating::Good, _) => {
                    "Timing matters, yet random actions do about as well: weak evidence of control."
                }
                (_, Rating::Good) => {
                    "Actions may only say what the clip looks like, not what happens in it."
                }
                _ => "The interval holds zero, or lies below: no proof of control.",
            },
            meaning: "The same, against the clip's own actions in another order. Actions that merely encode the level's look score \
                      high against random ones and zero here.",
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
        accuracy("True action named right", a.accuracy, a.accuracy_ci95, a.accuracy_baseline),
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
        cards.push(accuracy("True movement named right", value, a.effect_accuracy_ci95, baseline));
    }
    cards
}

pub fn nmi(title: &str, value: f64, ci95: Option<Interval>, mean: f64, p95: f64) -> Card {
    let rating = if value <= p95 { Rating::Bad } else { above(ci95, p95) };
    Card {
        title: title.into(),
        value: format!("{value:.3}"),
        interval: interval(ci95, 3),
        baseline: format!("shuffled truth {mean:.3}, at most {p95:.3} in 95 of 100"),
        rating,
        verdict: match rating {
            Rating::Good => "Clearly more than chance.",
            Rating::Unclear => "More than chance, but the interval is too wide to be sure.",
            Rating::Bad => "No more than chance.",
        },
        meaning: "How much the latent action tells about what the player did: 0 nothing, 1 all. Blocked moves keep it below 1 \
                  even for perfect control.",
    }
}

/// Held actions must do more alike, from everywhere, than actions exchanged at random.
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
            "actions exchanged {}, at most {} in 95 of 100",
            percent(c.shuffled),
            percent(c.shuffled_p95)
        ),
        rating,
        verdict: match rating {
            Rating::Good => "An action does much the same wherever it is held.",
            Rating::Unclear => {
                "More alike than by chance, but the interval is too wide to be sure."
            }
            Rating::Bad => "What an action does depends on the place, not on the action.",
        },
        meaning: "Each latent action is held from many starts: how much of what then moves differently does the action alone explain? \
                  Walls and falls keep it below 100\u{a0}% even for perfect control.",
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
        baseline: format!("always the commonest {}", percent(baseline)),
        rating,
        verdict: match rating {
            Rating::Good => "Better than always answering the commonest.",
            Rating::Unclear => "Above the baseline, but the interval is too wide to be sure.",
            Rating::Bad => "No better than always answering the commonest.",
        },
        meaning: "Each latent action is named after what it usually goes with in the other recordings; how often is that \
                  name right?",
    }
}
