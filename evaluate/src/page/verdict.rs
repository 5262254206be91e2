//! The verdict cards: the headline numbers, each with a baseline and a verdict.
//!
//! A difference proves nothing if its interval contains zero, and a high ΔPSNR alone does not prove
//! control. Not every user knows this. So every card has a baseline and a verdict. The verdict
//! follows from the number, its interval and the baseline, by the rules in these files.

mod actions;
mod card;
mod long;
mod models;

pub use card::Card;

use crate::page::verdict::actions::{agreements, ceiling, consistency, control};
use crate::page::verdict::long::long;
use crate::page::verdict::models::{distance, lam, tokenizer};
use crate::report::schema::Report;

/// Returns the cards of a report, the most important first.
#[must_use]
pub fn cards(report: &Report) -> Vec<Card> {
    let mut cards = control(&report.headline).to_vec();
    cards.extend(report.effects.iter().flat_map(|effects| &effects.consistency).map(consistency));
    if let Some(agreement) = &report.action_agreement {
        cards.extend(agreements(agreement));
    }
    cards.extend(report.ceiling.as_ref().map(ceiling));
    cards.extend(report.distances.iter().map(distance));
    cards.extend(report.long.iter().flat_map(long));
    cards.extend(tokenizer(&report.tokenizer));
    cards.push(lam(&report.lam));
    cards
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::verdict::actions::nmi;
    use crate::page::verdict::card::{Rating, above};
    use crate::report::schema::{Distance, HeadlineNumbers};

    /// Catches: a number whose interval contains the baseline gets a good rating.
    #[test]
    fn an_interval_that_holds_the_baseline_is_never_good_news() {
        assert_eq!(above(Some([-0.01, 2.0]), 0.0), Rating::Unclear);
        assert_eq!(above(Some([0.01, 2.0]), 0.0), Rating::Good);
        assert_eq!(above(Some([-2.0, -0.01]), 0.0), Rating::Bad);
        assert_eq!(
            above(None, 0.0),
            Rating::Unclear,
            "a number without an interval proves nothing"
        );
    }

    /// Catches: agreement that is no better than chance is not rated as bad.
    #[test]
    fn agreement_within_chance_is_called_so() {
        assert_eq!(nmi("", 0.04, Some([0.03, 0.06]), 0.03, 0.05).rating, Rating::Bad);
    }

    /// Catches: clips that are far from real ones get a good rating; clips that are further away
    /// than frozen clips do not get a bad rating.
    #[test]
    fn a_distance_is_judged_by_its_floor_and_by_standing_still() {
        let with = |frechet: f64, half_generated: f64| Distance {
            frechet,
            half_generated,
            ..crate::testing::distance()
        };
        assert_eq!(distance(&with(3.0, 3.5)).rating, Rating::Good);
        assert_eq!(distance(&with(8.0, 9.0)).rating, Rating::Unclear);
        let bad = distance(&with(25.0, 26.0));
        assert_eq!(bad.rating, Rating::Bad);
        assert!(bad.title.contains("not FVD"), "{}", bad.title);
    }

    /// Catches: an effect of the timing alone is called control. A barely trained model had +0.05
    /// dB against shuffled actions by chance, but no gain over random ones.
    #[test]
    fn timing_alone_is_not_called_control() {
        let headline = HeadlineNumbers {
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
        assert_eq!(control(&headline).map(|card| card.rating), [Rating::Unclear, Rating::Unclear]);
    }
}
