//! The estimated cost of training a LAM.

use super::config::{LamConfig, LamReads, LamSees};
use crate::data::FrameSize;
use crate::error::ModelError;
use crate::estimate::{CostTally, Estimate};
use crate::layers::Grid;

/// Estimates the cost of training a LAM on frames of `(height, width)` pixels.
///
/// `channels` is the number of values per pixel: 3, or a code's width if the frames are tokens.
/// Fails if no model can be built from the config.
pub fn estimate_lam(
    config: &LamConfig,
    (height, width): (usize, usize),
    channels: usize,
) -> Result<Estimate, ModelError> {
    config.check()?;
    let size = FrameSize { height, width, patch: config.patch, channels };
    size.check("lam")?;
    let (values, positions, given, b) =
        (size.patch_values(), size.positions(), config.given(), config.train.micro_batch());
    // One action per predicted frame.
    let steps = config.frames - given;
    let pairs = Grid { b, t: steps, s: positions };
    let (seen, encoded) = match config.sees {
        LamSees::Pairs => (2 * values, pairs),
        LamSees::Frames => (values, Grid { t: steps + 1, ..pairs }),
    };
    let quantizer = &config.quantizer;
    let mut tally = CostTally::new(&config.train);
    match config.reads {
        LamReads::Attention => {
            tally.linear(encoded.rows(), seen, config.encoder.d);
            tally.positions(&config.encoder, config.frames, positions);
            tally.stack(&config.encoder, encoded);
        }
        LamReads::Convolution => {
            tally.convolutions(&config.convolutions, b * steps, size.padded(), 2 * channels);
        }
        LamReads::Components => tally.pointwise(pairs.rows(), 3 * values),
    }
    tally.quantizer(quantizer, b * steps, config.encoder_width(size));
    tally.linear(b * steps, quantizer.width(), config.decoder.d);
    tally.linear(pairs.rows(), given * values, config.decoder.d);
    tally.positions(&config.decoder, config.frames, positions);
    tally.stack(&config.decoder, pairs);
    tally.linear(pairs.rows(), config.decoder.d, values);
    // The difference, its square and the weights.
    tally.pointwise(pairs.rows(), 3 * values);
    Ok(Estimate::of(&tally, &config.train, encoded.rows().max(pairs.rows())))
}
