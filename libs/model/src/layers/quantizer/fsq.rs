//! Finite scalar quantization: every dimension is rounded to a few levels [Mentzer et al. 2023].
//!
//! A code is a number whose digits are the levels of the dimensions, the first dimension fastest.

use burn::tensor::activation::{sigmoid, softmax};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::straight_through::straight_through;
use super::usage::{SHARPNESS, unevenness};

/// Place value of each dimension's digit in a code.
fn bases(levels: &[usize]) -> Vec<usize> {
    levels.iter().scan(1, |base, level| Some(std::mem::replace(base, *base * level))).collect()
}

/// Squashes rows `[n, dimensions]` and rounds them to levels.
///
/// Returns the embedded codes `[n, dimensions]`, the codes `[n]` and the usage loss `[1]`. There is
/// no loss if its weight `usage` is 0.
pub fn round<B: Backend>(
    x: Tensor<B, 2>,
    levels: &[usize],
    usage: f64,
) -> (Tensor<B, 2>, Tensor<B, 1, Int>, Option<Tensor<B, 1>>) {
    let device = x.device();
    let row =
        |values: Vec<f32>| Tensor::<B, 1>::from_floats(values.as_slice(), &device).unsqueeze::<2>();
    let top = row(levels.iter().map(|level| (level - 1) as f32).collect());
    let squashed = sigmoid(x) * top.clone();
    let digits = squashed.clone().detach().round();
    let bases = row(bases(levels).into_iter().map(|base| base as f32).collect());
    let codes = (digits.clone() * bases).sum_dim(1).int().squeeze_dim(1);
    let loss = (usage != 0.0).then(|| unevenness(soft_codes(&squashed, levels)) * usage);
    let embedded = straight_through(squashed, digits) / top * 2.0 - 1.0;
    (embedded, codes, loss)
}

/// Soft assignment of each row of digits before rounding `[n, dimensions]`: `[n, codes]`.
///
/// Each row sums to 1. The last dimension is fastest, unlike in a code.
pub fn soft_codes<B: Backend>(digits: &Tensor<B, 2>, levels: &[usize]) -> Tensor<B, 2> {
    let n = digits.dims()[0];
    let device = digits.device();
    let shares = levels.iter().enumerate().map(|(dimension, levels)| {
        let levels =
            Tensor::<B, 1, Int>::arange(0..*levels as i64, &device).float().unsqueeze::<2>();
        let away = digits.clone().narrow(1, dimension, 1) - levels;
        softmax(away.clone() * away * -SHARPNESS, 1)
    });
    shares.fold(Tensor::ones([n, 1], &device), |codes, shares| {
        let size = codes.dims()[1] * shares.dims()[1];
        (codes.unsqueeze_dim::<3>(2) * shares.unsqueeze_dim::<3>(1)).reshape([n, size])
    })
}

/// Embeds codes `[n]` as [`round`] does: `[n, dimensions]`, values from -1 to 1.
pub fn embed<B: Backend>(codes: &Tensor<B, 1, Int>, levels: &[usize]) -> Tensor<B, 2> {
    let columns = bases(levels).into_iter().zip(levels).map(|(base, level)| {
        let digit = codes.clone().div_scalar(base as i64).remainder_scalar(*level as i64);
        (digit.float() / (level - 1) as f32 * 2.0 - 1.0).unsqueeze_dim::<2>(1)
    });
    Tensor::cat(columns.collect(), 1)
}
