//! How many units each executor has done, and how fast.

use std::collections::BTreeMap;
use std::time::Instant;

/// The number of executors that a line of progress names.
const NAMED: usize = 3;

/// Counts of the units that executors have done.
#[derive(Debug)]
pub(crate) struct ExecutorCounts {
    begun: Instant,
    units: BTreeMap<String, u64>,
}

impl ExecutorCounts {
    pub fn new() -> Self {
        Self { begun: Instant::now(), units: BTreeMap::new() }
    }

    /// Counts a unit.
    pub fn add(&mut self, executor: &str) {
        *self.units.entry(executor.to_owned()).or_default() += 1;
    }

    /// The executors that live, with their pace: "2 executors: a 12/min, b 9/min".
    pub fn in_words(&self, live: &[&str]) -> String {
        let minutes = self.begun.elapsed().as_secs_f64() / 60.0;
        let pace = |name: &&str| {
            let units = self.units.get(*name).copied().unwrap_or(0);
            // A pace of the first seconds would be wrong.
            if minutes < 0.05 {
                return (*name).to_owned();
            }
            #[allow(clippy::cast_precision_loss, reason = "the pace has one digit")]
            let pace = units as f64 / minutes;
            format!("{name} {pace:.0}/min")
        };
        let mut words: Vec<String> = live.iter().take(NAMED).map(pace).collect();
        if live.len() > NAMED {
            words.push("…".to_owned());
        }
        let count = live.len();
        let executors = if count == 1 { "1 executor" } else { &format!("{count} executors") };
        if words.is_empty() {
            return executors.to_owned();
        }
        format!("{executors}: {}", words.join(", "))
    }

    /// The executors that have done units: "a did 12, b did 9".
    pub fn totals(&self) -> String {
        let words = self.units.iter().map(|(name, units)| format!("{name} did {units}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Catches: the line of progress of a large cluster fills the screen, or shows a dead executor.
    #[test]
    fn living_executors_are_named() {
        let mut counts = ExecutorCounts::new();
        counts.begun -= Duration::from_mins(1);
        (0..12).for_each(|_| counts.add("a"));
        counts.add("dead");
        assert_eq!(counts.in_words(&["a", "b"]), "2 executors: a 12/min, b 0/min");
        assert_eq!(counts.in_words(&[]), "0 executors");
        assert!(counts.in_words(&["a", "b", "c", "d"]).ends_with(", …"));
        assert_eq!(counts.totals(), "a did 12, dead did 1");
    }
}
