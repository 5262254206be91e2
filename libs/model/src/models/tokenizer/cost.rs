//! The estimated cost of training a tokenizer.

use super::config::TokenizerConfig;
use crate::data::{FrameSize, RGB};
use crate::error::ModelError;
use crate::estimate::{CostTally, Estimate};
use crate::layers::Grid;

/// Estimates the cost of training a tokenizer on frames of `(height, width)` pixels.
///
/// Fails if no model can be built from the config.
pub fn estimate_tokenizer(
    config: &TokenizerConfig,
    (height, width): (usize, usize),
) -> Result<Estimate, ModelError> {
    config.check()?;
    let size = FrameSize { height, width, patch: config.patch, channels: RGB };
    size.check("tokenizer")?;
    let (span, values, positions) = (config.span(), size.patch_values(), size.positions());
    let grid = Grid { b: config.windows_per_micro_batch(), t: span, s: positions };
    let (rows, quantizer) = (grid.rows(), &config.quantizer);
    let mut tally = CostTally::new(&config.train);
    tally.linear(rows, values, config.encoder.d);
    tally.positions(&config.encoder, config.frames, positions);
    tally.stack(&config.encoder, grid);
    tally.quantizer(quantizer, rows, config.encoder.d);
    tally.linear(rows, quantizer.width(), config.decoder.d);
    tally.positions(&config.decoder, config.frames, positions);
    tally.stack(&config.decoder, grid);
    tally.linear(rows, config.decoder.d, values);
    // The sigmoid and the squared difference.
    tally.pointwise(rows, 2 * values);
    Ok(Estimate::of(&tally, &config.train, rows))
}
