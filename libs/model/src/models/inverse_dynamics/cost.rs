//! The estimated cost of training an inverse-dynamics network.

use super::config::{InverseDynamicsDescription, LAGS};
use crate::estimate::{CostTally, Estimate};

/// Estimates the cost of training a network.
pub fn estimate_inverse_dynamics(description: &InverseDynamicsDescription) -> Estimate {
    let (config, size) = (&description.config, description.seen_size());
    let (b, outputs) = (config.train.micro_batch(), LAGS * config.classes);
    let channels = config.seen.count() * size.channels;
    let mut tally = CostTally::new(&config.train);
    tally.convolutions(&config.convolutions, b, (size.height, size.width), channels);
    tally.norm(b, config.convolutions.width());
    tally.linear(b, config.convolutions.width(), config.hidden);
    tally.pointwise(b, config.hidden);
    tally.linear(b, config.hidden, outputs);
    tally.pointwise(b, outputs);
    Estimate::of(&tally, &config.train, b * size.height * size.width)
}
