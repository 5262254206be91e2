//! Loss weights for pixels that change between frames.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// Smallest change of a pixel value between frames, on a 0–1 scale, that counts as motion.
const CHANGED: f64 = 0.02;

/// Loss weights from the differences between frames: `weight` for motion, 1 for all else.
pub fn change_weights<B: Backend, const D: usize>(
    change: Tensor<B, D>,
    weight: f64,
) -> Tensor<B, D> {
    change.abs().greater_elem(CHANGED).float() * (weight - 1.0) + 1.0
}
