//! Linear layers: initial weights and mixed precision.

use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{FloatDType, Tensor, module};

use crate::Precision;
use crate::kernels::{Kernels, dense};

/// A linear layer with GPT-2's initial values: weights from `N(0, std²)`, bias 0.
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

/// A linear layer's `x·W + b` for rows `[n, inputs]`.
///
/// The product has the precision of `W`; all else is f32.
pub fn apply<B: Kernels>(layer: &Linear<B>, x: Tensor<B, 2>) -> Tensor<B, 2> {
    let weight = layer.weight.val();
    match Precision::of(&weight) {
        Precision::F32 => match &layer.bias {
            Some(bias) => dense(x, weight, bias.val()),
            None => module::linear(x, weight, None),
        },
        lower @ Precision::Bf16 => {
            let product = module::linear(x.cast(lower.dtype()), weight, None).cast(FloatDType::F32);
            match &layer.bias {
                Some(bias) => product + bias.val().unsqueeze(),
                None => product,
            }
        }
    }
}

/// Standard deviation of initial weights that keeps the variance: `1/√inputs`.
pub fn fan_in(inputs: usize) -> f64 {
    (inputs as f64).powf(-0.5)
}
