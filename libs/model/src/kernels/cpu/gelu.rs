//! Exact GELU, forward and backward.

use super::simd::{Loop, normal};

/// GELU of `x`, into `y`.
pub struct Gelu<'a> {
    pub x: &'a [f32],
    pub y: &'a mut [f32],
}

impl Loop for Gelu<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = x * normal::<FMA>(*x).0;
        }
    }
}

/// Gradient of GELU at `x`, into `dx`.
pub struct GeluGrad<'a> {
    pub x: &'a [f32],
    pub grad: &'a [f32],
    pub dx: &'a mut [f32],
}

impl Loop for GeluGrad<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for ((dx, x), grad) in self.dx.iter_mut().zip(self.x).zip(self.grad) {
            let (distribution, density) = normal::<FMA>(*x);
            *dx = grad * (distribution + x * density);
        }
    }
}
