//! Logarithms of a softmax, forward and backward.

use super::simd::{Loop, exp, largest, sum};

/// The logarithm of the softmax of each row of `x` `[n, d]`, into `y`.
pub struct LogSoftmax<'a> {
    pub x: &'a [f32],
    pub y: &'a mut [f32],
    pub d: usize,
}

impl Loop for LogSoftmax<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (x, y) in self.x.chunks_exact(self.d).zip(self.y.chunks_exact_mut(self.d)) {
            let top = largest(x);
            let level = top + sum([x], |[x]| exp::<FMA>(x - top)).ln();
            for (y, x) in y.iter_mut().zip(x) {
                *y = x - level;
            }
        }
    }
}

/// Gradient of [`LogSoftmax`] where its output is `y`, into `dx`.
pub struct LogSoftmaxGrad<'a> {
    pub y: &'a [f32],
    pub grad: &'a [f32],
    pub dx: &'a mut [f32],
    pub d: usize,
}

impl Loop for LogSoftmaxGrad<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.y.chunks_exact(self.d).zip(self.grad.chunks_exact(self.d));
        for ((y, grad), dx) in rows.zip(self.dx.chunks_exact_mut(self.d)) {
            let total = sum([grad], |[grad]| grad);
            for ((dx, y), grad) in dx.iter_mut().zip(y).zip(grad) {
                *dx = grad - exp::<FMA>(*y) * total;
            }
        }
    }
}
