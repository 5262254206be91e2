//! A card of the report.

use crate::statistics::bootstrap::Interval;

/// How a card is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    Good,
    Unclear,
    Bad,
}

impl Rating {
    /// CSS class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Rating::Good => "good",
            Rating::Unclear => "unclear",
            Rating::Bad => "bad",
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
    pub rating: Rating,
    pub verdict: &'static str,
    pub meaning: &'static str,
}

/// Good when the whole interval lies above `baseline`, bad when below, else (or without an interval) unclear.
pub fn above(ci95: Option<Interval>, baseline: f64) -> Rating {
    match ci95 {
        Some([lo, _]) if lo > baseline => Rating::Good,
        Some([_, hi]) if hi < baseline => Rating::Bad,
        _ => Rating::Unclear,
    }
}
