//! Simulated features, for tests.

use rand::RngExt;

use crate::distance::features::Features;
use crate::random::{Purpose, stream};

/// Returns features of `clips` clips, normally distributed around (shift, …, shift).
///
/// Every dimension has another spread.
pub fn simulated(seed: usize, clips: usize, dimension: usize, shift: f64) -> Features {
    let mut rng = stream(seed as u64, Purpose::Subset, 0);
    // The sum of twelve uniform numbers is nearly normal.
    let mut normal = || (0..12).map(|_| rng.random_range(-0.5..0.5)).sum::<f64>();
    let data = (0..clips * dimension)
        .map(|i| (normal() / (1 + i % dimension) as f64 + shift) as f32)
        .collect();
    Features::new(dimension, data)
}
