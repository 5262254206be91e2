//! The building blocks that tokenizer, LAM and dynamics share [Genie §2.1]. Activations are rows `[b*t*s, d]` with a [`Grid`]
//! beside them that says how many frames and positions they stand for.

mod attention;
mod convolution;
mod embed;
mod quantize;
mod transformer;

pub use attention::Attention;
pub use convolution::{Convolutions, ConvolutionsConfig, NEIGHBOURHOOD};
pub use embed::{Positions, patchify, unpatchify};
pub use quantize::{Quantized, Quantizer, QuantizerConfig, QuantizerKind, reseed, usage};
pub use transformer::{Past, Stack, StackConfig};

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Int, Tensor, TensorData, module};

use crate::Precision;
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
    weight: Param<Tensor<B, 1>>,
    bias: Param<Tensor<B, 1>>,
}

impl<B: Kernels> Norm<B> {
    /// The identity after normalisation.
    pub fn new(d: usize, device: &B::Device) -> Self {
        Self {
            weight: Initializer::Ones.init([d], device),
            bias: Initializer::Zeros.init([d], device),
        }
    }

    /// `[n, d]` to `[n, d]`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        kernels::norm(x, self.weight.val(), self.bias.val())
    }
}

/// A linear layer with GPT-2's initialisation: N(0, `std`²) weights, zero bias.
pub fn linear<B: Backend>(
    inputs: usize,
    outputs: usize,
    std: f64,
    device: &B::Device,
) -> Linear<B> {
    let mut layer: Linear<B> = LinearConfig::new(inputs, outputs)
        .with_initializer(Initializer::Normal { mean: 0.0, std })
        .init(device);
    layer.bias = Some(Initializer::Zeros.init([outputs], device));
    layer
}

/// A linear layer's `x·W + b` for rows `[n, inputs]`: the product in the numbers that W is in, all else in f32.
pub fn apply<B: Backend>(layer: &Linear<B>, x: Tensor<B, 2>) -> Tensor<B, 2> {
    let weight = layer.weight.val();
    match Precision::of(&weight) {
        Precision::F32 => layer.forward(x),
        lower @ Precision::Bf16 => {
            let product =
                module::linear(x.cast(lower.numbers()), weight, None).cast(FloatDType::F32);
            match &layer.bias {
                Some(bias) => product + bias.val().unsqueeze(),
                None => product,
            }
        }
    }
}

/// The usual standard deviation of initial weights: 1/√inputs, so that variance is kept.
pub fn fan_in(inputs: usize) -> f64 {
    (inputs as f64).powf(-0.5)
}

/// Numbers from the host as an index tensor `[n]`.
pub fn indices<B: Backend>(
    values: impl Iterator<Item = i64>,
    device: &B::Device,
) -> Tensor<B, 1, Int> {
    let values: Vec<i64> = values.collect();
    Tensor::from_data(TensorData::from(values.as_slice()), device)
}

/// A change in pixel value from one frame to the next, of 1, that counts as one.
const CHANGED: f64 = 0.02;

/// Weights of the pixels of a change between frames: `weight` where it is one, else 1.
pub fn change_weights<B: Backend, const D: usize>(
    change: Tensor<B, D>,
    weight: f64,
) -> Tensor<B, D> {
    change.abs().greater_elem(CHANGED).float() * (weight - 1.0) + 1.0
}

#[cfg(test)]
mod parity;
