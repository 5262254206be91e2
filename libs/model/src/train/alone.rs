//! One thread at a time in Burn's autodiff.
//!
//! After each backward pass burn-autodiff 0.21 sweeps the graphs of all threads and frees what nothing refers to
//! (`runtime/graph.rs`, `cleanup_orphaned_entries`). In a thread that is on its way forward that may be a node whose tensor has just
//! been moved into the next operation. Its step is then gone, and the gradient that comes by it is left out without a word
//! (LOG.md, 2026-11-25). So a forward and its backward pass are never beside another thread's. On a GPU that is the time it takes to ask for
//! them; the devices compute at the same time.

use std::sync::{Mutex, PoisonError};

/// Does what no other thread's backward pass may come into.
pub fn alone<R>(work: impl FnOnce() -> R) -> R {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}
