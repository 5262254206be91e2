//! Random streams of training steps.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The use of a random stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// The batch of a micro-batch.
    Batch = 1,
    /// Noise in the loss of a micro-batch.
    Loss = 2,
    /// Changes of the model after a training step.
    AfterStep = 3,
}

/// The random stream of a training step, or of a micro-batch.
///
/// `number` counts steps, or micro-batches, from the beginning of the run.
pub fn stream(seed: u64, kind: StreamKind, number: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(4 * number as u64 + kind as u64);
    rng
}
