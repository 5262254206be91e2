//! How far a piece of work is, and how long it will still take.
//!
//! By the mean speed of this run: what an earlier run did says nothing about it. Work may come in lumps that take minutes each, so
//! between two of them the time left counts down. (An estimate that watches only the last seconds would forget the speed meanwhile.)

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::lock;

/// A count of units done, of a total that may be unknown (0), with its speed.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) total: u64,
    pub(super) started: Instant,
    done: AtomicU64,
    /// Of those, what an earlier run did.
    found: AtomicU64,
    /// When the last were done.
    advanced: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(total: u64) -> Self {
        let now = Instant::now();
        Self {
            total,
            started: now,
            done: AtomicU64::new(0),
            found: AtomicU64::new(0),
            advanced: Mutex::new(now),
        }
    }

    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// `n` more were done.
    pub(super) fn inc(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
        *lock(&self.advanced) = Instant::now();
    }

    /// `n` more had been done before.
    pub(super) fn found(&self, n: u64) {
        self.found.fetch_add(n, Ordering::Relaxed);
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    /// `n` are done in all.
    pub(super) fn set(&self, n: u64) {
        self.done.store(n, Ordering::Relaxed);
        *lock(&self.advanced) = Instant::now();
    }

    /// The time left; `None` before the first unit of this run, after the last, and where the total is not known.
    pub(super) fn left(&self) -> Option<Duration> {
        let done = self.done();
        let here = done.saturating_sub(self.found.load(Ordering::Relaxed));
        if here == 0 || done >= self.total {
            return None;
        }
        let advanced = *lock(&self.advanced);
        let left =
            (advanced - self.started).as_secs_f64() / counted(here) * counted(self.total - done);
        Some(Duration::from_secs_f64(left).saturating_sub(advanced.elapsed()))
    }
}

/// A count as a number to calculate with; progress needs no more digits than f64 has.
#[expect(clippy::cast_precision_loss, reason = "an estimate of the time left")]
fn counted(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work of 100 units that began `ago` and advanced last `since`.
    fn pace(ago: u64, since: u64) -> Pace {
        let before = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let mut pace = Pace::new(100);
        pace.started = before(ago);
        pace.advanced = Mutex::new(before(since));
        pace
    }

    fn seconds(pace: &Pace) -> Option<u64> {
        // To the nearest, for what the test itself takes.
        pace.left().map(|left| (left + Duration::from_millis(500)).as_secs())
    }

    /// Would catch: units that were found done taken for fast ones, at the start or later, so that a resumed run promises to be done in no time.
    #[test]
    fn what_was_found_is_no_measure_of_speed() {
        let pace = pace(20, 0);
        pace.found(50);
        assert_eq!(seconds(&pace), None);
        pace.inc(5);
        assert_eq!(seconds(&pace), Some(180));
        pace.found(40);
        assert_eq!(seconds(&pace), Some(20));
        pace.inc(5);
        assert_eq!(seconds(&pace), None);
    }

    /// Would catch: a time left that grows while a lump of work is under way, or goes below zero when it takes longer than the last.
    #[test]
    fn between_two_lumps_it_counts_down() {
        let pace = |since| {
            let pace = pace(100 + since, since);
            pace.done.store(50, Ordering::Relaxed);
            seconds(&pace)
        };
        assert_eq!([pace(0), pace(30), pace(500)], [Some(100), Some(70), Some(0)]);
    }
}
