//! Groups in memory: the buffer that training uses, and the next one, which a thread reads ahead.
//!
//! Guarantee: at most two buffers are in memory, including one that is being read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::error::ModelError;

/// Number of buffers in memory.
const SLOTS: usize = 2;

/// Reads groups into a buffer. It may give up as soon as the flag is set: nobody waits for it.
pub type ReadGroups<T> = dyn Fn(&[u32], &AtomicBool) -> Result<T, ModelError> + Send + Sync;

/// Buffers that are read on demand and ahead. Many threads can use them at once.
pub struct Buffers<T: Send + Sync + 'static> {
    shared: Arc<Shared<T>>,
    /// The threads that read ahead.
    ahead: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared<T> {
    read: Box<ReadGroups<T>>,
    slots: Mutex<Vec<Slot<T>>>,
    /// A slot changed.
    changed: Condvar,
    /// The buffers are not used any more.
    halted: AtomicBool,
}

/// A buffer, or the place for one that is being read.
struct Slot<T> {
    groups: Arc<[u32]>,
    /// `None` while it is being read.
    data: Option<Arc<T>>,
    /// Number of threads that use `data`.
    users: usize,
}

impl<T: Send + Sync + 'static> Buffers<T> {
    /// No buffer is read before it is needed.
    pub fn new(read: Box<ReadGroups<T>>) -> Self {
        let shared =
            Shared { read, slots: Mutex::default(), changed: Condvar::new(), halted: false.into() };
        Self { shared: Arc::new(shared), ahead: Mutex::default() }
    }

    /// Calls `visit` with the buffer of `groups`, and reads it first if it is not in memory.
    ///
    /// # Errors
    /// The error of reading it.
    pub fn with<R>(
        &self,
        groups: &Arc<[u32]>,
        visit: impl FnOnce(&T) -> R,
    ) -> Result<R, ModelError> {
        let data = self.shared.take(groups)?;
        let result = visit(&data);
        drop(data);
        self.shared.give_back(groups);
        Ok(result)
    }

    /// Begins to read the buffer of `next` on another thread, if that is not done yet.
    ///
    /// The buffer of `current` stays in memory. An error is not lost: the thread that needs the
    /// buffer reads it again.
    pub fn read_ahead(&self, current: &[u32], next: &Arc<[u32]>) {
        let (shared, groups) = (&self.shared, next);
        let mut slots = shared.lock();
        let known = slots.iter().any(|slot| slot.groups == *groups);
        if known || !make_room(&mut slots, current) {
            return;
        }
        slots.push(Slot { groups: groups.clone(), data: None, users: 0 });
        drop(slots);
        let (shared, groups) = (shared.clone(), groups.clone());
        let thread = thread::spawn(move || {
            if shared.fill(&groups).is_ok() {
                shared.give_back(&groups);
            }
        });
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.retain(|thread| !thread.is_finished());
        ahead.push(thread);
    }
}

impl<T: Send + Sync + 'static> Drop for Buffers<T> {
    fn drop(&mut self) {
        self.shared.halted.store(true, Ordering::Relaxed);
        let ahead = self.ahead.get_mut().unwrap_or_else(PoisonError::into_inner);
        for thread in ahead.drain(..) {
            // A panic there has been printed, and nobody waits for its buffer.
            let _ = thread.join();
        }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<Slot<T>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The buffer of `groups`; the caller gives it back.
    fn take(&self, groups: &Arc<[u32]>) -> Result<Arc<T>, ModelError> {
        let mut slots = self.lock();
        loop {
            if let Some(at) = slots.iter().position(|slot| slot.groups == *groups) {
                if let Some(data) = slots[at].data.clone() {
                    // The slots are in order of use, the last one at the end.
                    let mut slot = slots.remove(at);
                    slot.users += 1;
                    slots.push(slot);
                    return Ok(data);
                }
            } else if make_room(&mut slots, &[]) {
                slots.push(Slot { groups: groups.clone(), data: None, users: 0 });
                drop(slots);
                return self.fill(groups);
            }
            slots = self.changed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reads the buffer whose slot the caller has added; the caller gives it back.
    fn fill(&self, groups: &[u32]) -> Result<Arc<T>, ModelError> {
        /// Removes the slot if reading fails or panics, so that nobody waits for it.
        struct Unread<'a, T>(&'a Shared<T>, &'a [u32]);

        impl<T> Drop for Unread<'_, T> {
            fn drop(&mut self) {
                self.0.lock().retain(|slot| slot.data.is_some() || *slot.groups != *self.1);
                self.0.changed.notify_all();
            }
        }

        let _unread = Unread(self, groups);
        let data = Arc::new((self.read)(groups, &self.halted)?);
        let mut slots = self.lock();
        if let Some(slot) = slots.iter_mut().find(|slot| *slot.groups == *groups) {
            slot.data = Some(data.clone());
            slot.users += 1;
        }
        Ok(data)
    }

    fn give_back(&self, groups: &[u32]) {
        if let Some(slot) = self.lock().iter_mut().find(|slot| *slot.groups == *groups) {
            slot.users -= 1;
        }
        self.changed.notify_all();
    }
}

/// Drops the least recently used buffer if the memory is full; returns false if all are in use.
///
/// The buffer of `kept` counts as in use.
fn make_room<T>(slots: &mut Vec<Slot<T>>, kept: &[u32]) -> bool {
    let idle = |slot: &Slot<T>| slot.data.is_some() && slot.users == 0 && *slot.groups != *kept;
    if slots.len() < SLOTS {
        return true;
    }
    slots.iter().position(idle).map(|idle| slots.remove(idle)).is_some()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread::{scope, sleep};
    use std::time::Duration;

    use super::*;

    /// The number of buffers in memory, now and at most.
    #[derive(Default)]
    struct Held {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    /// A buffer that is counted as long as it is in memory.
    struct Counted(u32, Arc<Held>);

    impl Counted {
        fn new(groups: &[u32], held: &Arc<Held>) -> Self {
            held.most.fetch_max(1 + held.now.fetch_add(1, Ordering::SeqCst), Ordering::SeqCst);
            Self(groups[0], held.clone())
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.now.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn buffers(held: &Arc<Held>, reads: &Arc<AtomicUsize>) -> Buffers<Counted> {
        let (held, reads) = (held.clone(), reads.clone());
        Buffers::new(Box::new(move |groups, _| {
            let buffer = Counted::new(groups, &held);
            reads.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(1));
            Ok(buffer)
        }))
    }

    /// Catches: memory grows with the number of threads or of buffers; a thread gets another
    /// buffer's data; threads wait for each other for ever.
    #[test]
    fn at_most_two_buffers_are_in_memory() {
        for threads in [1, 8] {
            let (held, reads) = Default::default();
            let buffers = buffers(&held, &reads);
            scope(|scope| {
                for thread in 0..threads {
                    let buffers = &buffers;
                    scope.spawn(move || {
                        for step in 0..60 {
                            let number = (step + thread) % 7;
                            let (groups, next) = ([number].into(), [number + 1].into());
                            let found = buffers.with(&groups, |buffer| {
                                sleep(Duration::from_micros(100));
                                buffer.0
                            });
                            assert_eq!(found.unwrap(), number);
                            buffers.read_ahead(&groups, &next);
                        }
                    });
                }
            });
            drop(buffers);
            assert_eq!(held.most.load(Ordering::SeqCst), 2, "{threads} threads");
            assert_eq!(held.now.load(Ordering::SeqCst), 0);
        }
    }

    /// Catches: buffers are read again although they are in memory, or are not read ahead; reading
    /// ahead removes the buffer that is in use.
    #[test]
    fn each_buffer_is_read_once_and_ahead() {
        let (held, reads) = Default::default();
        let buffers = buffers(&held, &reads);
        for number in 0..5 {
            let (groups, next) = ([number].into(), [number + 1].into());
            for _ in 0..3 {
                buffers.with(&groups, |_| ()).unwrap();
                buffers.read_ahead(&groups, &next);
            }
            assert_eq!(buffers.with(&groups, |buffer| buffer.0).unwrap(), number);
            assert!(reads.load(Ordering::SeqCst) <= number as usize + 2);
        }
        drop(buffers);
        assert_eq!(reads.load(Ordering::SeqCst), 6);
    }

    /// Catches: an error of reading ahead is lost, or all later reads fail or wait for ever; a
    /// dropped run waits until a whole buffer is read.
    #[test]
    fn an_error_is_returned_to_the_thread_that_needs_the_buffer() {
        let buffers = Buffers::new(Box::new(|groups: &[u32], halted: &AtomicBool| {
            if groups[0] == 1 {
                return Err(ModelError::Data("group 1 is gone".into()));
            }
            while groups[0] == 2 && !halted.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(1));
            }
            Ok(groups[0])
        }));
        let number = |number: u32| -> Arc<[u32]> { [number].into() };
        buffers.read_ahead(&number(0), &number(1));
        for _ in 0..3 {
            let error = buffers.with(&number(1), |_| ()).unwrap_err();
            assert_eq!(error.to_string(), "group 1 is gone");
            assert_eq!(buffers.with(&number(0), |data| *data).unwrap(), 0);
        }
        buffers.read_ahead(&number(0), &number(2));
        drop(buffers);
    }
}
