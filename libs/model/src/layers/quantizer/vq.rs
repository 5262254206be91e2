//! Vector quantization: the nearest code of a learned codebook [van den Oord et al. 2017].

use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::straight_through::straight_through;
use super::usage::{SHARPNESS, unevenness};

/// Rows scaled to length 1.
pub fn unit<B: Backend>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    let length = (x.clone() * x.clone()).sum_dim(1).add_scalar(1e-12).sqrt();
    x / length
}

/// The nearest code by cosine of each row `[n, latent]`.
///
/// Returns the embedded codes `[n, latent]`, the codes `[n]` and the loss `[1]`. `commitment` and
/// `usage` are weights of the loss.
pub fn nearest<B: Backend>(
    x: Tensor<B, 2>,
    codebook: Tensor<B, 2>,
    commitment: f64,
    usage: f64,
) -> (Tensor<B, 2>, Tensor<B, 1, Int>, Tensor<B, 1>) {
    let (x, codebook) = (unit(x), unit(codebook));
    let nearness = x.clone().matmul(codebook.clone().detach().transpose());
    let codes: Tensor<B, 1, Int> = nearness.clone().argmax(1).squeeze_dim(1);
    let chosen = codebook.select(0, codes.clone());
    let square = |d: Tensor<B, 2>| (d.clone() * d).sum_dim(1).mean();
    let loss = square(chosen.clone() - x.clone().detach())
        + square(x.clone() - chosen.clone().detach()).mul_scalar(commitment);
    let loss = match usage {
        0.0 => loss,
        weight => loss + unevenness(softmax(nearness * SHARPNESS, 1)) * weight,
    };
    (straight_through(x, chosen), codes, loss)
}
