//! Batches read ahead of the training, by several threads, in the order of their parts whatever the threads do.
//!
//! Each thread makes every so many-th part and hands it over before it begins the next, so memory holds no more batches that wait than there are threads.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Scope;

use crate::ModelError;

/// Threads that read. Where batches are made faster than they are used, all of them wait most of the time.
const THREADS: usize = 4;

/// What is read ahead: one queue a thread.
pub struct Readers<T> {
    queues: Vec<Receiver<Result<T, ModelError>>>,
}

impl<T: Send> Readers<T> {
    /// Begins to read `parts`. The threads end after the last part, after their first error, or when this is dropped.
    pub fn begin<'scope>(
        scope: &'scope Scope<'scope, '_>,
        parts: Range<usize>,
        read: impl Fn(usize) -> Result<T, ModelError> + Copy + Send + 'scope,
    ) -> Self
    where
        T: 'scope,
    {
        let queue = |thread| {
            let (send, queue) = sync_channel(0);
            let mine = parts.clone().filter(move |part| part % THREADS == thread);
            scope.spawn(move || {
                for part in mine {
                    let batch = read(part);
                    let failed = batch.is_err();
                    if send.send(batch).is_err() || failed {
                        return;
                    }
                }
            });
            queue
        };
        Self { queues: (0..THREADS).map(queue).collect() }
    }

    /// Takes a part, and waits for it if need be. Parts are to be taken one after the other, from the first on.
    ///
    /// # Errors
    /// That of reading it.
    pub fn take(&self, part: usize) -> Result<T, ModelError> {
        let batch = self.queues[part % THREADS].recv();
        batch.unwrap_or_else(|_| {
            Err(ModelError::Data("a reader of training data ended early".into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread::{scope, sleep};
    use std::time::Duration;

    use super::*;

    /// Catches: parts in the order in which threads happen to be ready; a part left out or made twice where a run goes on in the middle; threads
    /// that read the whole dataset into memory while nobody takes it.
    #[test]
    fn parts_come_in_order_and_few_wait() {
        let made = AtomicUsize::new(0);
        let read = |part: usize| {
            // Every third is slow.
            sleep(Duration::from_millis(if part.is_multiple_of(3) { 20 } else { 0 }));
            made.fetch_add(1, Ordering::SeqCst);
            Ok(part)
        };
        scope(|scope| {
            let readers = Readers::begin(scope, 5..40, read);
            for part in 5..20 {
                assert_eq!(readers.take(part).unwrap(), part);
            }
            sleep(Duration::from_millis(200));
            let ahead = made.load(Ordering::SeqCst) - 15;
            assert_eq!(ahead, THREADS, "made and not taken");
            for part in 20..40 {
                assert_eq!(readers.take(part).unwrap(), part);
            }
            assert!(readers.take(40).is_err(), "there are no more");
        });
        assert_eq!(made.load(Ordering::SeqCst), 35);
    }

    /// Catches: an error that overtakes the parts before it, or is lost; threads that a run which ends early waits for without end.
    #[test]
    fn an_error_comes_in_its_turn_and_ends_it() {
        scope(|scope| {
            let read = |part| {
                if part == 6 { Err(ModelError::Data("part 6 is gone".into())) } else { Ok(part) }
            };
            let readers = Readers::begin(scope, 0..1000, read);
            for part in 0..6 {
                assert_eq!(readers.take(part).unwrap(), part);
            }
            assert_eq!(
                readers.take(6).unwrap_err().to_string(),
                ModelError::Data("part 6 is gone".into()).to_string()
            );
        });
    }
}
