//! Re-seeding of unused codes during training.

use burn::tensor::{Int, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::network::Quantizer;
use crate::ModelError;
use crate::host;
use crate::kernels::Kernels;

/// Training steps between two searches for unused codes.
const RESEED_EVERY: usize = 20;

/// Updates the running mean of a centring quantizer, and re-seeds unused codes.
///
/// In the first two thirds of the run, every 20 training steps, it replaces `vq` codes that no row
/// of the batch has by rows of the batch. `projected` is `[n, width]`, `codes` is `[n]`.
///
/// # Errors
/// If the device has failed.
pub fn reseed<B: Kernels>(
    quantizer: Quantizer<B>,
    projected: Tensor<B, 2>,
    codes: Tensor<B, 1, Int>,
    step: usize,
    steps: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Quantizer<B>, ModelError> {
    let quantizer = quantizer.with_mean_moved(projected.clone(), 0.05_f32.max(1.0 / step as f32));
    let Some(size) = quantizer.codebook_size() else { return Ok(quantizer) };
    if !step.is_multiple_of(RESEED_EVERY) || step * 3 > steps * 2 {
        return Ok(quantizer);
    }
    let mut used = vec![false; size];
    for code in host::codes::<B, usize>(codes)? {
        used[code] = true;
    }
    let rows = projected.dims()[0];
    // At most a tenth of the codebook per training step, so that the codes in use stay the
    // majority.
    let dead: Vec<usize> = (0..size).filter(|code| !used[*code]).take(size.div_ceil(10)).collect();
    if dead.is_empty() {
        return Ok(quantizer);
    }
    let picks: Vec<usize> = dead.iter().map(|_| rng.random_range(0..rows)).collect();
    Ok(quantizer.with_reseeded(projected, &dead, &picks))
}
