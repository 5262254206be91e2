//! The options of the sampler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ModelError;

/// Which tokens the sampler sets first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnmaskOrder {
    /// Tokens at random positions.
    Random,
    /// Tokens sampled with the highest probability, with noise.
    ///
    /// The noise is Gumbel noise that falls to 0 over the steps.
    Confidence,
    /// Tokens sampled with the highest probability.
    Greedy,
    /// Tokens whose distributions have the least entropy.
    ///
    /// A step sets as many as keep the sum of their entropies at most `entropy`, and at least as
    /// many as the `tapered` order. Tokens that depend on each other are then not sampled
    /// independently, and an easy frame needs few steps [Ben-Hamu et al. 2025]. The order does not
    /// depend on what is sampled. So an object whose place is uncertain is not erased by the
    /// background, which is the most probable token at each of the places.
    Entropy,
    /// Tokens sampled with the highest probability, fewer at every step.
    ///
    /// Each step leaves the same share of the masked tokens, so the last ones are set one by one.
    /// Tokens of which the model is least sure then depend on each other. So an object whose place
    /// is uncertain is neither lost nor doubled.
    Tapered,
}

/// Options of the sampler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Steps per frame (the paper: 25).
    pub steps: usize,
    /// Divides the logits before sampling (the paper: 2). 0 takes the most probable token.
    pub temperature: f32,
    /// Which tokens the sampler sets first.
    pub order: UnmaskOrder,
    /// Scale of the `confidence` order's noise at the first step.
    pub noise: f32,
    /// Most entropy that the `entropy` order sets in a step, in nats.
    pub entropy: f32,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            steps: 25,
            temperature: 1.0,
            order: UnmaskOrder::Confidence,
            noise: 1.0,
            entropy: 0.5,
        }
    }
}

impl SamplerConfig {
    /// Fails if there are no steps, or if a number is negative or not finite.
    pub fn check(&self) -> Result<(), ModelError> {
        let positive = |value: f32| value >= 0.0 && value.is_finite();
        if self.steps == 0
            || ![self.temperature, self.noise, self.entropy].into_iter().all(positive)
        {
            return Err(ModelError::Config(
                "sampler steps must be at least 1, temperature, noise and entropy at least 0"
                    .into(),
            ));
        }
        Ok(())
    }

    /// The number of `s` tokens that stay masked after step `step`.
    ///
    /// Let x be the share of the steps that are done. The number is ⌊s · cos(π/2 · x)⌋. In the
    /// orders `tapered` and `entropy`, it is ⌊s^(1−x)⌋, or the number of steps that are left, if
    /// that is more. It is smaller after every step. In the `entropy` order, fewer tokens may stay
    /// masked.
    pub fn masked_after(&self, step: usize, s: usize) -> usize {
        let (done, all) = ((step + 1) as f64 / self.steps as f64, s as f64);
        let left = match self.order {
            UnmaskOrder::Tapered | UnmaskOrder::Entropy => {
                all.powf(1.0 - done).max((self.steps - step - 1) as f64)
            }
            _ => all * (std::f64::consts::FRAC_PI_2 * done).cos(),
        };
        let left = left.floor().max(0.0) as usize;
        if step + 1 == self.steps { 0 } else { left.min(s.saturating_sub(step + 1)) }
    }
}
