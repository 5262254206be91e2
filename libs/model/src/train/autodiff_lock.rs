//! A lock that lets one thread at a time use Burn's autodiff.
//!
//! After each backward pass, burn-autodiff 0.21 searches the graphs of all threads, and frees every
//! node without a reference (`runtime/graph.rs`, `cleanup_orphaned_entries`). In a thread that is
//! in its forward pass, this can be a node whose tensor has just moved into the next operation.
//! There are two conditions. The weights were in an earlier backward pass, as those of
//! micro-batches are, so that no graph refers to them any more. And the operation, such as `cat`,
//! drops its inputs before it is registered. The node's backward step is then lost, and its share
//! of the gradient is missing without an error (the test below; `docs/log/`).
//!
//! So only one thread at a time runs a forward pass and its backward pass. On a GPU the lock is
//! held only while the work is queued; the devices still compute in parallel.

use std::sync::{Mutex, PoisonError};

/// Runs a forward and a backward pass while no other thread runs one.
pub fn with_autodiff_lock<R>(work: impl FnOnce() -> R) -> R {
    static LOCK: Mutex<()> = Mutex::new(());
    let _guard = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    work()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use burn::backend::flex::FlexDevice;
    use burn::tensor::Tensor;

    use super::*;
    use crate::testing::Ad;

    fn weight(side: usize) -> Tensor<Ad, 2> {
        let values: Vec<f32> =
            (0..side * side).map(|i| (i * 7 % 13) as f32 / (13 * side) as f32).collect();
        Tensor::<Ad, 1>::from_floats(values.as_slice(), &FlexDevice)
            .reshape([side, side])
            .detach()
            .require_grad()
    }

    /// Sum of the absolute gradient of a sum over the output of `cat`.
    fn gradient(weight: &Tensor<Ad, 2>) -> f32 {
        with_autodiff_lock(|| {
            let twice = Tensor::cat(vec![weight.clone() * 1.0, weight.clone() * 2.0], 0);
            weight
                .grad(&twice.sum().backward())
                .map_or(0.0, |gradient| gradient.abs().sum().into_scalar())
        })
    }

    /// Catches: gradients are lost because of another thread's backward passes.
    ///
    /// Without the lock, nearly all of these 300 are wrong (two cores, Burn 0.21).
    #[test]
    fn backward_passes_of_other_threads_do_not_change_a_gradient() {
        let (large, done) = (weight(512), AtomicBool::new(false));
        let right = gradient(&large);
        let found: Vec<f32> = thread::scope(|scope| {
            scope.spawn(|| {
                let small = weight(4);
                while !done.load(Ordering::Relaxed) {
                    gradient(&small);
                }
            });
            let found = (0..300).map(|_| gradient(&large)).collect();
            done.store(true, Ordering::Relaxed);
            found
        });
        let wrong = found.iter().filter(|size| **size != right).count();
        assert_eq!(wrong, 0, "of {} gradients; the right size is {right}", found.len());
    }
}
