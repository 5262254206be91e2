//! Durations for people: "0.4 s", "52 s", "3 min 20 s", "2 h 5 min"; at most two units.

use std::time::Duration;

/// Formats a duration.
#[must_use]
pub fn human(duration: Duration) -> String {
    let tenths = (duration.as_secs_f64() * 10.0).round() / 10.0;
    if tenths < 10.0 {
        return format!("{tenths:.1} s");
    }
    let seconds = duration.as_secs() + u64::from(duration.subsec_millis() >= 500);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: durations at the limits between units become "60 s", "1 min 60 s" or "10.0 s".
    #[test]
    fn edges_between_units() {
        for (seconds, words) in [
            (0.0, "0.0 s"),
            (0.449, "0.4 s"),
            (9.96, "10 s"),
            (59.4, "59 s"),
            (59.6, "1 min"),
            (200.0, "3 min 20 s"),
            (3599.9, "1 h"),
            (7500.0, "2 h 5 min"),
        ] {
            assert_eq!(human(Duration::from_secs_f64(seconds)), words, "{seconds}");
        }
    }
}
