//! The three models as tallies. Each follows its own `loss`.

use super::{Estimate, Tally};
use crate::ModelError;
use crate::dynamics::{ActionMode, DynamicsConfig};
use crate::frames::{FrameSize, RGB};
use crate::lam::{LamConfig, LamEncoder, LamReader};
use crate::layers::Grid;
use crate::tokenizer::TokenizerConfig;

/// A tokenizer of frames of `(height, width)` pixels.
///
/// # Errors
/// If no model can be built from the config.
pub fn estimate_tokenizer(
    config: &TokenizerConfig,
    (height, width): (usize, usize),
) -> Result<Estimate, ModelError> {
    config.check()?;
    let size = FrameSize { height, width, patch: config.patch, channels: RGB };
    size.check("tokenizer")?;
    let (span, values, positions) = (config.span(), size.patch_values(), size.positions());
    let grid = Grid { b: config.windows_a_part(), t: span, s: positions };
    let (rows, quantizer) = (grid.rows(), &config.quantizer);
    let mut tally = Tally::default();
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

/// A latent action model of frames of `(height, width)` pixels of `channels` values: 3, or a code's width where it looks at tokens.
///
/// # Errors
/// If no model can be built from the config.
pub fn estimate_lam(
    config: &LamConfig,
    (height, width): (usize, usize),
    channels: usize,
) -> Result<Estimate, ModelError> {
    config.check()?;
    let size = FrameSize { height, width, patch: config.patch, channels };
    size.check("lam")?;
    let (values, positions, given, b) =
        (size.patch_values(), size.positions(), config.given(), config.train.part());
    // Frames that are predicted, and the pairs that lead to them.
    let steps = config.frames - given;
    let pairs = Grid { b, t: steps, s: positions };
    let (seen, encoded) = match config.sees {
        LamEncoder::Pairs => (2 * values, pairs),
        LamEncoder::Frames => (values, Grid { t: steps + 1, ..pairs }),
    };
    let quantizer = &config.quantizer;
    let mut tally = Tally::default();
    match config.reads {
        LamReader::Attention => {
            tally.linear(encoded.rows(), seen, config.encoder.d);
            tally.positions(&config.encoder, config.frames, positions);
            tally.stack(&config.encoder, encoded);
            tally.quantizer(quantizer, b * steps, config.encoder.d);
        }
        LamReader::Convolution => {
            tally.convolutions(&config.convolutions, b * steps, size.padded(), 2 * channels);
            tally.quantizer(quantizer, b * steps, config.convolutions.width());
        }
    }
    tally.linear(b * steps, quantizer.width(), config.decoder.d);
    tally.linear(pairs.rows(), given * values, config.decoder.d);
    tally.positions(&config.decoder, config.frames, positions);
    tally.stack(&config.decoder, pairs);
    tally.linear(pairs.rows(), config.decoder.d, values);
    // The difference, its square and the weights.
    tally.pointwise(pairs.rows(), 3 * values);
    Ok(Estimate::of(&tally, &config.train, encoded.rows().max(pairs.rows())))
}

/// A dynamics model of windows of `frames` frames of `positions` tokens of `codes`, and of `actions` actions.
///
/// # Errors
/// If no model can be built from the config.
pub fn estimate_dynamics(
    config: &DynamicsConfig,
    (frames, positions): (usize, usize),
    codes: usize,
    actions: usize,
) -> Result<Estimate, ModelError> {
    config.check()?;
    let (d, b) = (config.stack.d, config.train.part());
    let lead = usize::from(config.action_mode == ActionMode::Prepend);
    let grid = Grid { b, t: frames, s: positions + lead };
    let mut tally = Tally::default();
    tally.table(codes + 1, d);
    if config.previous_frame {
        tally.table(codes + 1, d);
    }
    tally.table(actions + 1, d);
    tally.positions(&config.stack, frames, positions + lead);
    tally.stack(&config.stack, grid);
    // Logits are computed where a token is masked: this share of all frames but the first.
    let masked = (config.masked_share() * (b * (frames - 1) * positions) as f64).round() as usize;
    tally.linear(masked, d, codes);
    tally.pointwise(masked, 2 * codes);
    Ok(Estimate::of(&tally, &config.train, grid.rows()))
}
