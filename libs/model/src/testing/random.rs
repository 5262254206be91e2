//! Random numbers, and modules with random weights that depend only on a seed.

use std::sync::{Mutex, PoisonError};

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::module::Module;
use burn::tensor::backend::Backend;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::weights;

/// The backend that models train on in tests.
pub type Ad = Autodiff<Flex>;

/// A random number generator with a seed.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Random bytes.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = rng(seed);
    (0..len).map(|_| rng.random()).collect()
}

/// A module with initial weights that depend only on the seed.
///
/// Burn has one random stream per process, and it initialises a parameter when it is first read.
/// Tests that run at the same time would otherwise share the stream.
pub fn seeded<B: Backend, M: Module<B>>(seed: u64, init: impl FnOnce() -> M) -> M {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Flex::seed(&FlexDevice, seed);
    let module = init();
    weights::draw(&module);
    module
}
