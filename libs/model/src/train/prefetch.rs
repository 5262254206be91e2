//! Batches that several threads read ahead of training, in the order of the micro-batches.
//!
//! Thread n of N reads every N-th batch, and hands it over before it reads the next one. So at most
//! N unused batches are in memory.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::Scope;

use crate::ModelError;

/// Number of reading threads. They mostly wait if reading is faster than training.
const THREADS: usize = 4;

/// Batches that are read ahead, with one queue per thread.
pub struct Prefetcher<T> {
    queues: Vec<Mutex<Receiver<Result<T, ModelError>>>>,
}

impl<T: Send> Prefetcher<T> {
    /// Starts to read the batches of the micro-batches `indices`.
    ///
    /// A thread ends after its last batch, after its first error, or when this is dropped.
    pub fn begin<'scope>(
        scope: &'scope Scope<'scope, '_>,
        indices: Range<usize>,
        read: impl Fn(usize) -> Result<T, ModelError> + Copy + Send + 'scope,
    ) -> Self
    where
        T: 'scope,
    {
        let queue = |thread| {
            let (send, queue) = sync_channel(0);
            let mine = indices.clone().filter(move |index| index % THREADS == thread);
            scope.spawn(move || {
                for index in mine {
                    let batch = read(index);
                    let failed = batch.is_err();
                    if send.send(batch).is_err() || failed {
                        return;
                    }
                }
            });
            Mutex::new(queue)
        };
        Self { queues: (0..THREADS).map(queue).collect() }
    }

    /// Takes the batch of a micro-batch, and waits until it is read.
    ///
    /// Callers must take all batches in order. They may be several threads that take turns.
    ///
    /// # Errors
    /// The error of reading it.
    pub fn take(&self, index: usize) -> Result<T, ModelError> {
        let queue = &self.queues[index % THREADS];
        let batch = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        batch.unwrap_or_else(|_| {
            Err(ModelError::Data("a thread that reads training data ended early".into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{scope, sleep};
    use std::time::{Duration, Instant};

    use super::*;

    /// Catches: batches come in the order in which threads finish; a batch is skipped or read twice
    /// in a resumed run; threads read the whole dataset ahead into memory.
    #[test]
    fn batches_come_in_order_and_few_are_read_ahead() {
        let read_count = AtomicUsize::new(0);
        let read = |index: usize| {
            // Every third batch is slow.
            sleep(Duration::from_millis(if index.is_multiple_of(3) { 20 } else { 0 }));
            read_count.fetch_add(1, Ordering::SeqCst);
            Ok(index)
        };
        scope(|scope| {
            let batches = Prefetcher::begin(scope, 5..40, read);
            for index in 5..20 {
                assert_eq!(batches.take(index).unwrap(), index);
            }
            // A busy machine may need long to read as far as the queues allow.
            let ahead = || read_count.load(Ordering::SeqCst) - 15;
            let began = Instant::now();
            while ahead() < THREADS && began.elapsed() < Duration::from_mins(1) {
                sleep(Duration::from_millis(1));
            }
            sleep(Duration::from_millis(50));
            assert_eq!(ahead(), THREADS, "read and not taken");
            for index in 20..40 {
                assert_eq!(batches.take(index).unwrap(), index);
            }
            assert!(batches.take(40).is_err(), "there are no more");
        });
        assert_eq!(read_count.load(Ordering::SeqCst), 35);
    }

    /// Catches: an error is returned before earlier batches, or is lost; a run ends early and waits
    /// for its threads for ever.
    #[test]
    fn an_error_comes_in_order_and_ends_the_run() {
        scope(|scope| {
            let read = |index| {
                if index == 6 { Err(ModelError::Data("batch 6 is gone".into())) } else { Ok(index) }
            };
            let batches = Prefetcher::begin(scope, 0..1000, read);
            for index in 0..6 {
                assert_eq!(batches.take(index).unwrap(), index);
            }
            assert_eq!(
                batches.take(6).unwrap_err().to_string(),
                ModelError::Data("batch 6 is gone".into()).to_string()
            );
        });
    }
}
