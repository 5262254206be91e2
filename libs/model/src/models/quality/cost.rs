//! The estimated cost of training a quality network.

use super::config::QualityDescription;
use super::flaws::SyntheticFlaw;
use super::input::{MOMENTS, SIZE};
use super::network::{CLASSES, POOLS};
use super::pixels::CHANNELS;
use crate::estimate::{CostTally, Estimate};

/// Estimates the cost of training a network.
pub fn estimate_quality(description: &QualityDescription) -> Estimate {
    let QualityDescription { config, scale } = description;
    // About half of the clips are good, and each of them is also shown with a flaw.
    let clips = config.train.micro_batch();
    let b = if SyntheticFlaw::allowed(&config.synthetic).is_empty() {
        clips
    } else {
        clips + clips / 2
    };
    let width = config.convolutions.width();
    let stride: usize = config.convolutions.strides.iter().product();
    let positions = SIZE.0.div_ceil(stride) * SIZE.1.div_ceil(stride);
    let mut tally = CostTally::new(&config.train);
    tally.convolutions(&config.convolutions, b * MOMENTS, SIZE, CHANNELS);
    tally.pointwise(b * MOMENTS * positions, width);
    tally.norm(b, POOLS * width);
    tally.linear(b, POOLS * width + scale.width(), config.hidden);
    tally.pointwise(b, config.hidden);
    tally.linear(b, config.hidden, CLASSES);
    tally.pointwise(b, CLASSES);
    Estimate::of(&tally, &config.train, b * MOMENTS * SIZE.0 * SIZE.1)
}
