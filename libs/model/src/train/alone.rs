//! One thread at a time in Burn's autodiff.
//!
//! After each backward pass burn-autodiff 0.21 sweeps the graphs of all threads and frees what nothing refers to
//! (`runtime/graph.rs`, `cleanup_orphaned_entries`). In a thread that is on its way forward that may be a node whose tensor has just
//! been moved into the next operation: where the weights were in a backward pass before (the parts of a step), no graph holds them any more, and
//! `cat` lets go of what it is given before it is registered itself. Its step is then gone, and the gradient that comes by it is left out without a
//! word (the test below; LOG.md). So a forward and its backward pass are never beside another thread's. On a GPU that is the time it takes to ask
//! for them; the devices compute at the same time.

use std::sync::{Mutex, PoisonError};

/// Does what no other thread's backward pass may come into.
pub fn alone<R>(work: impl FnOnce() -> R) -> R {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// The size of the gradient of a sum, by way of `cat`.
    fn gradient(weight: &Tensor<Ad, 2>) -> f32 {
        alone(|| {
            let twice = Tensor::cat(vec![weight.clone() * 1.0, weight.clone() * 2.0], 0);
            weight
                .grad(&twice.sum().backward())
                .map_or(0.0, |gradient| gradient.abs().sum().into_scalar())
        })
    }

    /// Catches: gradients that go missing beside another thread's backward passes (without the turns nearly all of these 300: two cores, Burn 0.21).
    #[test]
    fn another_threads_backward_pass_takes_nothing_away() {
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
        assert_eq!(wrong, 0, "of {} gradients, of size {right} alone", found.len());
    }
}
