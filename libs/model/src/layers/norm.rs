//! Layer norm.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::kernels::{self, Kernels};

/// Layer norm with scale and shift, computed by the fused kernel.
#[derive(Module, Debug)]
pub struct Norm<B: Backend> {
    weight: Param<Tensor<B, 1>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Kernels> Norm<B> {
    /// A layer norm of width `d` with scale 1 and shift 0.
    pub fn new(d: usize, device: &B::Device) -> Self {
        Self {
            weight: Initializer::Ones.init([d], device),
            bias: Initializer::Zeros.init([d], device),
        }
    }

    /// Normalises rows: `[n, d]` to `[n, d]`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        kernels::norm(x, self.weight.val(), self.bias.val())
    }
}
