//! What a number means, in words, and whether it is good news.
//!
//! A reader should not need to know that a difference whose interval holds zero proves nothing, or that a high ΔPSNR
//! alone does not prove control. Every card of the report therefore carries its baseline and one sentence that follows
//! from number, interval and baseline by the rules in this file.

use crate::bootstrap::Interval;
use crate::report::{ActionAgreement, Consistency, Distance, Headline, Lam, Report, Tokenizer};

/// How a card is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Good,
    Unclear,
    Bad,
}

impl Mood {
    /// CSS class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Mood::Good => "good",
            Mood::Unclear => "unclear",
            Mood::Bad => "bad",
        }
    }
}

/// One headline number.
#[derive(Debug, Clone)]
pub struct Card {
    pub title: String,
    pub value: String,
    pub interval: String,
    pub baseline: String,
    pub mood: Mood,
    pub verdict: &'static str,
    pub meaning: &'static str,
}

/// The cards of a report, most important first.
#[must_use]
pub fn cards(report: &Report) -> Vec<Card> {
    let mut cards = control(&report.headline).to_vec();
    cards.extend(report.effects.iter().flat_map(|effects| &effects.consistency).map(consistency));
    if let Some(agreement) = &report.action_agreement {
        cards.extend(agreements(agreement));
    }
    cards.extend(report.distances.iter().map(distance));
    cards.extend(tokenizer(&report.tokenizer));
    cards.push(lam(&report.lam));
    cards
}

fn control(h: &Headline) -> [Card; 2] {
    let (random, timing) =
        (above(h.delta_psnr_db_ci95, 0.0), above(h.delta_psnr_time_shuffled_db_ci95, 0.0));
    // Control shows in both numbers: timing alone may be chance.
    let shuffled =
        if timing == Mood::Good && random != Mood::Good { Mood::Unclear } else { timing };
    [
        Card {
            title: format!("ΔPSNR at t = {}, random actions", h.t),
            value: decibel(h.delta_psnr_db, true),
            interval: interval(h.delta_psnr_db_ci95, 2),
            baseline: "0 dB: actions change nothing".into(),
            mood: random,
            verdict: match random {
                Mood::Good => "The latent actions steer what is generated.",
                Mood::Unclear => "The interval holds zero: no proof yet that actions matter.",
                Mood::Bad => "The clip's own actions do worse than random ones.",
            },
            meaning: "How much closer to the real frame the model gets with the clip's own latent actions than with random ones. \
                      Bad when its interval holds zero.",
        },
        Card {
            title: format!("ΔPSNR at t = {}, shuffled in time", h.t),
            value: decibel(h.delta_psnr_time_shuffled_db, true),
            interval: interval(h.delta_psnr_time_shuffled_db_ci95, 2),
            baseline: "0 dB: timing does not matter".into(),
            mood: shuffled,
            verdict: match (timing, random) {
                (Mood::Good, Mood::Good) => {
                    "It matters when an action happens: this is control, not a label of the clip."
                }
                (Mood::Good, _) => {
                    "Timing matters, yet random actions do about as well: weak evidence of control."
                }
                (_, Mood::Good) => {
                    "Actions may only say what the clip looks like, not what happens in it."
                }
                _ => "The interval holds zero, or lies below: no proof of control.",
            },
            meaning: "The same, against the clip's own actions in another order. Actions that merely encode the level's look score \
                      high against random ones and zero here.",
        },
    ]
}

fn agreements(agreement: &ActionAgreement) -> Vec<Card> {
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

fn nmi(title: &str, value: f64, ci95: Option<Interval>, mean: f64, p95: f64) -> Card {
    let mood = if value <= p95 { Mood::Bad } else { above(ci95, p95) };
    Card {
        title: title.into(),
        value: format!("{value:.3}"),
        interval: interval(ci95, 3),
        baseline: format!("shuffled truth {mean:.3}, at most {p95:.3} in 95 of 100"),
        mood,
        verdict: match mood {
            Mood::Good => "Clearly more than chance.",
            Mood::Unclear => "More than chance, but the interval is too wide to be sure.",
            Mood::Bad => "No more than chance.",
        },
        meaning: "How much the latent action tells about what the player did: 0 nothing, 1 all. Blocked moves keep it below 1 \
                  even for perfect control.",
    }
}

/// Held actions must do more alike, from everywhere, than actions exchanged at random.
fn consistency(c: &Consistency) -> Card {
    let mood = if c.explained <= c.shuffled_p95 {
        Mood::Bad
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
        mood,
        verdict: match mood {
            Mood::Good => "An action does much the same wherever it is held.",
            Mood::Unclear => "More alike than by chance, but the interval is too wide to be sure.",
            Mood::Bad => "What an action does depends on the place, not on the action.",
        },
        meaning: "Each latent action is held from many starts: how much of what then moves differently does the action alone explain? \
                  Walls and falls keep it below 100\u{a0}% even for perfect control.",
    }
}

fn accuracy(title: &str, value: f64, ci95: Option<Interval>, baseline: f64) -> Card {
    let mood = if value <= baseline { Mood::Bad } else { above(ci95, baseline) };
    Card {
        title: title.into(),
        value: percent(value),
        interval: ci95.map_or_else(no_interval, |[lo, hi]| {
            format!("95\u{a0}%: {} to {}", percent(lo), percent(hi))
        }),
        baseline: format!("always the commonest {}", percent(baseline)),
        mood,
        verdict: match mood {
            Mood::Good => "Better than always answering the commonest.",
            Mood::Unclear => "Above the baseline, but the interval is too wide to be sure.",
            Mood::Bad => "No better than always answering the commonest.",
        },
        meaning: "Each latent action is named after what it usually goes with in the other recordings; how often is that \
                  name right?",
    }
}

/// A distance is good news when real clips are hardly closer to each other, bad when even standing still would be closer.
fn distance(d: &Distance) -> Card {
    /// How many times the floor is still close to it.
    const CLOSE: f64 = 2.0;
    let mood = if d.half_generated <= CLOSE * d.half_floor {
        Mood::Good
    } else if d.frechet >= d.probe_frozen {
        Mood::Bad
    } else {
        Mood::Unclear
    };
    Card {
        title: distance_title(d),
        value: three_digits(d.frechet),
        interval: d.frechet_ci95.map_or_else(no_interval, |ci| format!("95\u{a0}%: {}", range(ci))),
        baseline: format!(
            "halves of the real clips {}, where the model has {}",
            three_digits(d.half_floor),
            three_digits(d.half_generated)
        ),
        mood,
        verdict: match mood {
            Mood::Good => {
                "Generated clips are about as close to real ones as real ones are to each other."
            }
            Mood::Unclear => {
                "Generated clips differ from real ones, less than clips that stand still do."
            }
            Mood::Bad => {
                "Real clips that stand still are closer to real ones than generated clips are."
            }
        },
        meaning: if d.comparable_with_fvd {
            "How far generated clips are from real ones as a whole, by features of I3D; 0 is no difference. It grows as clips \
             get fewer: compare it only with values of as many clips of the same kind."
        } else {
            "How far generated clips are from real ones as a whole, by features of an encoder; 0 is no difference. It is not FVD, and \
             compares only with values of the same encoder and of as many clips."
        },
    }
}

/// What a distance is called where people read it.
pub fn distance_title(d: &Distance) -> String {
    if d.comparable_with_fvd { d.name.clone() } else { format!("{} (not FVD)", d.name) }
}

/// A distance to three digits or so.
pub fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}").replace('-', "−")
}

/// An interval of distances.
pub fn range([low, high]: Interval) -> String {
    format!("{} to {}", three_digits(low), three_digits(high))
}

fn tokenizer(t: &Tokenizer) -> [Card; 3] {
    let gain = match t.psnr_gain_db_ci95 {
        Some([lo, _]) if lo >= 3.0 => Mood::Good,
        _ if t.psnr_gain_db <= 0.0 => Mood::Bad,
        _ => Mood::Unclear,
    };
    let similar =
        if t.ssim <= t.ssim_baseline { Mood::Bad } else { above(t.ssim_ci95, t.ssim_baseline) };
    let usage = usage(t.codes_used, t.codebook_size, t.perplexity);
    [
        Card {
            title: "Tokenizer PSNR".into(),
            value: decibel(t.psnr_db, false),
            interval: interval(t.psnr_db_ci95, 1),
            baseline: format!("copy of the first frame {}", decibel(t.psnr_baseline_db, false)),
            mood: gain,
            verdict: match gain {
                Mood::Good => "Tokens keep clearly more than a still picture does.",
                Mood::Unclear => "Not clearly 3 dB above a still picture: what moves may be lost.",
                Mood::Bad => "A still picture is as good: the tokenizer loses what moves.",
            },
            meaning: "How well frames survive tokenizing and back. It is the ceiling of everything generated: 20 dB is blurry, 30 good, \
                      40 hardly visible.",
        },
        Card {
            title: "Tokenizer SSIM".into(),
            value: format!("{:.3}", t.ssim),
            interval: interval(t.ssim_ci95, 3),
            baseline: format!("copy of the first frame {:.3}", t.ssim_baseline),
            mood: similar,
            verdict: match similar {
                Mood::Good => "Structure survives better than in a still picture.",
                Mood::Unclear => "Not clearly better than a still picture.",
                Mood::Bad => "A still picture keeps the structure as well.",
            },
            meaning: "Likeness of local structure, 1 is identical. Edges count more than in PSNR, flat areas less.",
        },
        Card {
            title: "Token codes used".into(),
            value: format!("{} of {}", t.codes_used, t.codebook_size),
            interval: format!("perplexity {:.1}", t.perplexity),
            baseline: format!("all used equally: {}", t.codebook_size),
            mood: usage,
            verdict: usage_verdict(usage),
            meaning: "Perplexity is the number of codes in effective use. Bad when it is a handful: the codebook has collapsed.",
        },
    ]
}

fn lam(lam: &Lam) -> Card {
    let mood = match lam.codes_used {
        0 | 1 => Mood::Bad,
        2 => Mood::Unclear,
        _ => usage(lam.codes_used, lam.codebook_size, lam.perplexity),
    };
    Card {
        title: "Latent actions used".into(),
        value: format!("{} of {}", lam.codes_used, lam.codebook_size),
        interval: format!("perplexity {:.1}", lam.perplexity),
        baseline: format!("all used equally: {}", lam.codebook_size),
        mood,
        verdict: usage_verdict(mood),
        meaning: "Bad when one or two: there is nothing to choose from. Fewer than all is fine where the game has fewer actions.",
    }
}

fn usage(used: usize, size: usize, perplexity: f64) -> Mood {
    if used <= 1 {
        Mood::Bad
    } else if perplexity < 0.1 * size as f64 {
        Mood::Unclear
    } else {
        Mood::Good
    }
}

fn usage_verdict(mood: Mood) -> &'static str {
    match mood {
        Mood::Good => "A good part of the codebook is at work.",
        Mood::Unclear => "Few codes do most of the work.",
        Mood::Bad => "Collapsed: one code for everything.",
    }
}

/// Good when the whole interval lies above `baseline`, bad when below, else (or without an interval) unclear.
fn above(ci95: Option<Interval>, baseline: f64) -> Mood {
    match ci95 {
        Some([lo, _]) if lo > baseline => Mood::Good,
        Some([_, hi]) if hi < baseline => Mood::Bad,
        _ => Mood::Unclear,
    }
}

fn decibel(value: f64, signed: bool) -> String {
    let text = if signed { format!("{value:+.2}\u{a0}dB") } else { format!("{value:.1}\u{a0}dB") };
    text.replace('-', "−")
}

fn percent(value: f64) -> String {
    format!("{:.0}\u{a0}%", value * 100.0)
}

fn interval(ci95: Option<Interval>, digits: usize) -> String {
    ci95.map_or_else(no_interval, |[lo, hi]| {
        format!("95\u{a0}%: {lo:.digits$} to {hi:.digits$}").replace('-', "−")
    })
}

fn no_interval() -> String {
    "no interval: too few recordings".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_that_holds_the_baseline_is_never_good_news() {
        assert_eq!(above(Some([-0.01, 2.0]), 0.0), Mood::Unclear);
        assert_eq!(above(Some([0.01, 2.0]), 0.0), Mood::Good);
        assert_eq!(above(Some([-2.0, -0.01]), 0.0), Mood::Bad);
        assert_eq!(above(None, 0.0), Mood::Unclear, "a point estimate alone proves nothing");
    }

    #[test]
    fn agreement_within_chance_is_called_so() {
        assert_eq!(nmi("", 0.04, Some([0.03, 0.06]), 0.03, 0.05).mood, Mood::Bad);
    }

    /// Catches: praise for clips that are far from real ones, or for a distance that a still picture would beat.
    #[test]
    fn a_distance_is_judged_by_its_floor_and_by_standing_still() {
        let with = |frechet: f64, half_generated: f64| Distance {
            frechet,
            half_generated,
            ..crate::fake::distance()
        };
        assert_eq!(distance(&with(3.0, 3.5)).mood, Mood::Good);
        assert_eq!(distance(&with(8.0, 9.0)).mood, Mood::Unclear);
        let bad = distance(&with(25.0, 26.0));
        assert_eq!(bad.mood, Mood::Bad);
        assert!(bad.title.contains("not FVD"), "{}", bad.title);
    }

    #[test]
    fn timing_alone_is_not_called_control() {
        // +0.05 dB against shuffled actions while random ones do as well: seen in a barely trained model, by chance.
        let headline = Headline {
            t: 4,
            delta_psnr_db: -0.25,
            delta_psnr_db_ci95: Some([-0.9, 0.5]),
            delta_psnr_time_shuffled_db: 0.05,
            delta_psnr_time_shuffled_db_ci95: Some([0.003, 0.12]),
            tokenizer_psnr_db: 14.0,
            tokenizer_psnr_baseline_db: 20.0,
            nmi: None,
            nmi_shuffled: None,
        };
        assert_eq!(control(&headline).map(|card| card.mood), [Mood::Unclear, Mood::Unclear]);
    }
}
