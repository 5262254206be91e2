//! The building blocks that tokenizer, LAM and dynamics share [Genie §2.1]. Activations are rows `[b*t*s, d]` with a [`Grid`]
//! beside them that says how many frames and positions they stand for.

mod attention;
mod embed;
mod quantize;
mod transformer;

pub use attention::Attention;
pub use embed::{Positions, patchify, unpatchify};
pub use quantize::{Quantized, Quantizer, QuantizerConfig, QuantizerKind};
pub use transformer::{Past, Stack, StackConfig};

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::kernels::{self, Kernels};

/// What rows `[b*t*s, d]` stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Batch size.
    pub b: usize,
    /// Frames.
    pub t: usize,
    /// Positions a frame.
    pub s: usize,
}

impl Grid {
    /// The number of rows.
    pub fn rows(self) -> usize {
        self.b * self.t * self.s
    }
}

/// Layer norm with scale and shift, by the fused kernel.
#[derive(Module, Debug)]
pub struct Norm<B: Backend> {
    gamma: Param<Tensor<B, 1>>,
    beta: Param<Tensor<B, 1>>,
}

impl<B: Kernels> Norm<B> {
    /// The identity after normalisation.
    pub fn new(d: usize, device: &B::Device) -> Self {
        Self { gamma: Initializer::Ones.init([d], device), beta: Initializer::Zeros.init([d], device) }
    }

    /// `[n, d]` to `[n, d]`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        kernels::norm(x, self.gamma.val(), self.beta.val())
    }
}

/// A linear layer with GPT-2's initialisation: N(0, `std`²) weights, zero bias.
pub fn linear<B: Backend>(inputs: usize, outputs: usize, std: f64, device: &B::Device) -> Linear<B> {
    let mut layer: Linear<B> =
        LinearConfig::new(inputs, outputs).with_initializer(Initializer::Normal { mean: 0.0, std }).init(device);
    layer.bias = Some(Initializer::Zeros.init([outputs], device));
    layer
}

/// The usual standard deviation of initial weights: 1/√inputs, so that variance is kept.
pub fn fan_in(inputs: usize) -> f64 {
    (inputs as f64).powf(-0.5)
}
