//! Count, speed and remaining time of a piece of work.
//!
//! The estimate uses the mean speed of this run only. Work may advance in large pieces that take
//! minutes each, so the remaining time counts down between two pieces. (An estimate from the last
//! seconds alone would forget the speed in between.)

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Number of finished units of a total that may be unknown (0), and their speed.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) total: u64,
    pub(super) started: Instant,
    done: AtomicU64,
    /// Number of the units in `done` that an earlier run finished.
    found: AtomicU64,
    /// Time of the last advance.
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

    /// Adds `n` units of this run.
    pub(super) fn inc(&self, n: u64) {
        self.done.fetch_add(n, Ordering::Relaxed);
        *lock(&self.advanced) = Instant::now();
    }

    /// Adds `n` units of an earlier run.
    pub(super) fn found(&self, n: u64) {
        self.found.fetch_add(n, Ordering::Relaxed);
        self.done.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets the count to `n` units.
    pub(super) fn set(&self, n: u64) {
        self.done.store(n, Ordering::Relaxed);
        *lock(&self.advanced) = Instant::now();
    }

    /// Remaining time of this run, if it is known.
    ///
    /// It is `None` before this run's first unit, after the last unit, and for an unknown total.
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

/// Converts a count to f64, which is precise enough for an estimate.
#[expect(clippy::cast_precision_loss, reason = "an estimate of the time left")]
fn counted(n: u64) -> f64 {
    n as f64
}

/// Locks, and ignores another thread's panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work of 100 units that began `ago` seconds ago and last advanced `since` seconds ago.
    fn pace(ago: u64, since: u64) -> Pace {
        let before = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        let mut pace = Pace::new(100);
        pace.started = before(ago);
        pace.advanced = Mutex::new(before(since));
        pace
    }

    fn seconds(pace: &Pace) -> Option<u64> {
        // Rounds to the nearest second, because the test itself takes time.
        pace.left().map(|left| (left + Duration::from_millis(500)).as_secs())
    }

    /// Catches: units of an earlier run count as fast ones, so that a resumed run claims to be
    /// finished immediately.
    #[test]
    fn units_found_at_the_start_do_not_count_as_speed() {
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

    /// Catches: a remaining time grows during a long piece of work, or becomes negative.
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
