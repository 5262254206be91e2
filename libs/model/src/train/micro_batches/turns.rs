//! Turns of the threads of a training step: at any time only one of them runs.
//!
//! A thread passes its turn to the next one after each block, so the devices compute the same block
//! at about the same time. The order of all work follows from the number of threads alone. There
//! are three reasons for it:
//!
//! - Gradients of a parameter are added up in the order of the micro-batches.
//! - Transfers between devices are queued in one order everywhere. Otherwise two devices could each
//!   wait for the other to send first.
//! - A transfer waits for the work that its device has queued before. So no device may be a whole
//!   micro-batch ahead.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The threads of a training step, and whose turn it is.
pub struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Whether each thread still takes turns.
    present: Vec<bool>,
    /// The thread whose turn it is.
    current: usize,
}

impl State {
    /// Gives the turn to the next thread that is present.
    fn advance(&mut self) {
        let count = self.present.len();
        let mut next = (1..=count).map(|ahead| (self.current + ahead) % count);
        self.current = next.find(|thread| self.present[*thread]).unwrap_or(self.current);
    }
}

impl Turns {
    /// Threads that take turns, beginning with thread 0.
    pub fn new(threads: usize) -> Self {
        let state = State { present: vec![true; threads], current: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits for the first turn of a thread. The thread leaves when the result is dropped.
    pub fn begin(&self, thread: usize) -> Member<'_> {
        drop(self.wait(self.lock(), thread));
        Member { turns: self, thread }
    }

    /// Ends the turn of a thread, and waits for its next one.
    pub fn pass(&self, thread: usize) {
        let mut state = self.lock();
        state.advance();
        self.changed.notify_all();
        drop(self.wait(state, thread));
    }

    /// Ends the turns of a thread; the others do not wait for it any more.
    pub fn leave(&self, thread: usize) {
        let mut state = self.lock();
        state.present[thread] = false;
        if state.current == thread {
            state.advance();
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, thread: usize) -> MutexGuard<'a, State> {
        let turn = self.changed.wait_while(state, |state| state.current != thread);
        turn.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that takes turns.
pub struct Member<'a> {
    turns: &'a Turns,
    thread: usize,
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.turns.leave(self.thread);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::thread;

    use super::*;

    /// Catches: two threads run at once; the order depends on which thread starts first; a thread
    /// that ends early or panics stops the others for ever.
    #[test]
    fn threads_take_turns_in_order() {
        let (turns, order) = (Turns::new(4), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for number in [3, 1, 0, 2] {
                let (turns, order) = (&turns, &order);
                scope.spawn(move || {
                    let result = catch_unwind(|| {
                        let _member = turns.begin(number);
                        for round in 0..3 {
                            order.lock().unwrap().push((round, number));
                            assert!((round, number) != (1, 1), "thread 1 fails in round 1");
                            if (round, number) == (0, 3) {
                                return;
                            }
                            turns.pass(number);
                        }
                    });
                    assert_eq!(result.is_err(), number == 1);
                });
            }
        });
        let expected = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (2, 0), (2, 2)];
        assert_eq!(*order.lock().unwrap(), expected);
    }
}
