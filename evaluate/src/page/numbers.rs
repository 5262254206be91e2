//! Numbers and names as text.

use crate::report::schema::Distance;
use crate::statistics::bootstrap::Interval;

/// Returns the title of a distance, with "(not FVD)" if it is not comparable with FVD.
pub fn distance_title(d: &Distance) -> String {
    if d.comparable_with_fvd { d.name.clone() } else { format!("{} (not FVD)", d.name) }
}

/// Formats a number with about three digits.
pub fn three_digits(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}").replace('-', "−")
}

/// Formats an interval with about three digits.
pub fn range([low, high]: Interval) -> String {
    format!("{} to {}", three_digits(low), three_digits(high))
}

pub fn decibel(value: f64, signed: bool) -> String {
    let text = if signed { format!("{value:+.2}\u{a0}dB") } else { format!("{value:.1}\u{a0}dB") };
    text.replace('-', "−")
}

pub fn percent(value: f64) -> String {
    format!("{:.0}\u{a0}%", value * 100.0)
}

pub fn interval(ci95: Option<Interval>, digits: usize) -> String {
    ci95.map_or_else(no_interval, |[lo, hi]| {
        format!("95\u{a0}%: {lo:.digits$} to {hi:.digits$}").replace('-', "−")
    })
}

pub fn no_interval() -> String {
    "no interval: too few recordings".to_owned()
}
