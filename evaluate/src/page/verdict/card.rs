//! A verdict card.

use crate::statistics::bootstrap::Interval;

/// The rating of a card, shown as its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    Good,
    Unclear,
    Bad,
}

impl Rating {
    /// Returns the CSS class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Rating::Good => "good",
            Rating::Unclear => "unclear",
            Rating::Bad => "bad",
        }
    }
}

/// A headline number with its baseline and verdict.
#[derive(Debug, Clone)]
pub struct Card {
    pub title: String,
    pub value: String,
    pub interval: String,
    pub baseline: String,
    pub rating: Rating,
    pub verdict: &'static str,
    pub meaning: &'static str,
}

/// Rates an interval: good if it lies above `baseline`, bad if below, unclear otherwise.
///
/// A number without an interval is unclear.
pub fn above(ci95: Option<Interval>, baseline: f64) -> Rating {
    match ci95 {
        Some([lo, _]) if lo > baseline => Rating::Good,
        Some([_, hi]) if hi < baseline => Rating::Bad,
        _ => Rating::Unclear,
    }
}
