//! The estimated cost of training a dynamics model.

use super::config::{ActionSource, DynamicsConfig, PreviousFrame};
use crate::error::ModelError;
use crate::estimate::{CostTally, Estimate};
use crate::layers::Grid;

/// Estimates the cost of training a dynamics model on windows of tokens.
///
/// A window has `frames` frames of `positions` tokens. There are `codes` different tokens and
/// `actions` different actions. Fails if no model can be built from the config.
pub fn estimate_dynamics(
    config: &DynamicsConfig,
    (frames, positions): (usize, usize),
    codes: usize,
    actions: usize,
) -> Result<Estimate, ModelError> {
    config.check()?;
    // The number of true actions is known only when their labels are read.
    if config.actions == ActionSource::Latent {
        config.check_parts(actions)?;
    }
    let (d, b, lead) = (config.stack.d, config.train.micro_batch(), config.lead());
    let grid = Grid { b, t: frames, s: positions + lead };
    let mut tally = CostTally::new(&config.train);
    tally.table(codes + 1, d);
    if config.previous_frame != PreviousFrame::None {
        tally.table(codes + 1, d);
    }
    if let Some(neighbours) = config.neighbours() {
        // Rows and columns make no difference here, because zeros surround the frame.
        tally.convolutions(&neighbours, b * frames, (1, positions), d);
    }
    tally.table(config.action_rows(actions) + 1, d);
    tally.positions(&config.stack, frames, positions + lead);
    tally.stack(&config.stack, grid);
    // Only masked tokens get logits: this share of all frames but the first.
    let masked = (config.masked_share() * (b * (frames - 1) * positions) as f64).round() as usize;
    tally.linear(masked, d, codes);
    tally.pointwise(masked, 2 * codes);
    if config.history_noise > 0.0 {
        // A training step counts three forward passes. Predictions take at most one more.
        tally.flops *= 1.0 + config.predicted_history / 3.0;
    }
    Ok(Estimate::of(&tally, &config.train, grid.rows()))
}
