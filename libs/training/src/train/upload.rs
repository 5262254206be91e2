//! Uploads checkpoints beside a training, if the dataset is in a store.
//!
//! The training does not wait for an upload, and goes on while the store does not answer. After a
//! failure, the next attempt comes later and later.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use genie_stage::step::StepDir;

/// Waiting time after the first failure. It doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// Longest waiting time after a failure.
const LONGEST_WAIT: Duration = Duration::from_mins(30);

/// Uploads the checkpoints of a training on another thread, one upload at a time.
pub(super) struct CheckpointUploads {
    step: StepDir,
    /// The newest checkpoint in the dataset's store.
    uploaded: Option<usize>,
    running: Option<RunningUpload>,
    retry: Retry,
}

/// An upload on its thread, and the newest checkpoint when it began.
struct RunningUpload {
    newest: Option<usize>,
    thread: JoinHandle<genie_store::Result<()>>,
}

impl CheckpointUploads {
    /// Uploads for the directory of `step`, of which the store has the checkpoint `uploaded`.
    pub(super) fn new(step: &StepDir, uploaded: Option<usize>) -> Self {
        Self { step: step.clone(), uploaded, running: None, retry: Retry::default() }
    }

    /// Starts an upload if there is a new checkpoint, and neither an upload nor a waiting time.
    pub(super) fn begin(&mut self, newest: Option<usize>) {
        if !genie_store::is_mounted(self.step.path()) {
            return;
        }
        if self.running.as_ref().is_some_and(|running| running.thread.is_finished()) {
            self.wait();
        }
        let is_due = newest != self.uploaded && self.retry.is_due(Instant::now());
        if self.running.is_none() && is_due {
            let step = self.step.clone();
            let thread = std::thread::spawn(move || step.upload());
            self.running = Some(RunningUpload { newest, thread });
        }
    }

    /// Waits until no upload is running.
    pub(super) fn wait(&mut self) {
        let Some(RunningUpload { newest, thread }) = self.running.take() else { return };
        match thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Ok(()) => {
                self.uploaded = newest;
                self.retry = Retry::default();
            }
            // The training needs no store before its end.
            Err(error) => {
                let wait = self.retry.failed(Instant::now());
                let seconds = wait.as_secs();
                tracing::warn!("cannot upload a checkpoint; next attempt in {seconds} s: {error}");
            }
        }
    }
}

/// When an upload may be tried again.
#[derive(Default)]
struct Retry {
    failures: u32,
    not_before: Option<Instant>,
}

impl Retry {
    fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|time| time <= now)
    }

    /// Notes a failure, and returns the time until the next attempt.
    fn failed(&mut self, now: Instant) -> Duration {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        self.failures += 1;
        self.not_before = Some(now + wait);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a store that does not answer is asked at every report; the waiting time grows
    /// without a limit, or an upload is never tried again.
    #[test]
    fn failures_are_repeated_more_and_more_rarely() {
        let (mut retry, mut now) = (Retry::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..40 {
            assert!(retry.is_due(now));
            let wait = retry.failed(now);
            assert!(!retry.is_due(now) && !retry.is_due(now + wait / 2));
            now += wait;
            waits.push(wait.as_secs() / 60);
        }
        assert_eq!(waits[..7], [1, 2, 4, 8, 16, 30, 30]);
        assert!(waits.iter().all(|wait| *wait <= 30));
    }
}
