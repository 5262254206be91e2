//! How evenly a batch uses the codes: a loss and metrics.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::ModelError;
use crate::host;

/// Sharpness of soft assignments; a row in the middle between two codes belongs equally to both.
pub const SHARPNESS: f32 = 4.0;

/// Negative entropy, in nats, of the mean of soft assignments `[n, codes]`.
///
/// It is smallest if all codes are used equally.
pub fn unevenness<B: Backend>(shares: Tensor<B, 2>) -> Tensor<B, 1> {
    let mean = shares.mean_dim(0);
    (mean.clone() * mean.add_scalar(1e-9).log()).sum()
}

/// Number of codes, of `size`, that a batch of codes `[n]` uses, and the perplexity.
///
/// The perplexity is e^entropy: the effective number of codes in use.
///
/// # Errors
/// If the device has failed.
pub fn usage<B: Backend>(
    codes: &Tensor<B, 1, Int>,
    size: usize,
) -> Result<Vec<(&'static str, f32)>, ModelError> {
    let mut counts = vec![0_u32; size];
    for code in host::codes::<B, usize>(codes.clone())? {
        counts[code] += 1;
    }
    let total = counts.iter().sum::<u32>() as f32;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f32 / total);
    let entropy: f32 = shares.clone().map(|share| -share * share.ln()).sum();
    Ok(vec![("codes_used", shares.count() as f32), ("perplexity", entropy.exp())])
}
