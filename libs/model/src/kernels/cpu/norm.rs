//! Layer norm, forward and backward.

use super::simd::{Loop, sum};
use crate::kernels::shapes::EPSILON;

/// Layer norm of the rows of `x`, into `y`.
pub struct NormForward<'a> {
    pub x: &'a [f32],
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub y: &'a mut [f32],
}

/// Mean and inverse standard deviation of a row.
#[inline(always)]
fn moments(row: &[f32]) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = sum([row], |[x]| x) / n;
    let variance = sum([row], |[x]| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

impl Loop for NormForward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let d = self.gamma.len();
        for (x, y) in self.x.chunks_exact(d).zip(self.y.chunks_exact_mut(d)) {
            let (mean, inverse) = moments(x);
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(self.gamma).zip(self.beta) {
                *y = (x - mean) * inverse * gamma + beta;
            }
        }
    }
}

/// Gradients of layer norm: of the rows into `dx`, of `gamma` and `beta` added to `sums`.
pub struct NormBackward<'a> {
    pub x: &'a [f32],
    pub gamma: &'a [f32],
    pub grad: &'a [f32],
    pub dx: &'a mut [f32],
    /// Gradients of `gamma`, then of `beta`: `[2d]`.
    pub sums: &'a mut [f32],
}

impl Loop for NormBackward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let d = self.gamma.len();
        let (dgamma, dbeta) = self.sums.split_at_mut(d);
        for ((x, grad), dx) in
            self.x.chunks_exact(d).zip(self.grad.chunks_exact(d)).zip(self.dx.chunks_exact_mut(d))
        {
            let (mean, inverse) = moments(x);
            // dx holds the normalised row until it is overwritten.
            for i in 0..d {
                let normal = (x[i] - mean) * inverse;
                dx[i] = normal;
                dgamma[i] += grad[i] * normal;
                dbeta[i] += grad[i];
            }
            let scaled = sum([grad, self.gamma], |[g, w]| g * w) / d as f32;
            let along = sum([grad, self.gamma, dx], |[g, w, n]| g * w * n) / d as f32;
            for i in 0..d {
                dx[i] = (grad[i] * self.gamma[i] - scaled - dx[i] * along) * inverse;
            }
        }
    }
}
