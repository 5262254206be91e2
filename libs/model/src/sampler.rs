//! The MaskGIT sampler [Genie §2.3; Chang et al. 2022]: a frame begins all masked and is filled in over several steps, the surest tokens first, by a
//! cosine schedule. Earlier frames are cached, so a step costs one frame.
//!
//! Guarantees: the number of masked tokens falls at every step and ends at 0; a token once set stays; a rollout depends on nothing but its own
//! prompt, actions, seed and place in the batch. A rollout may be longer than the model's window: when that is full, the rollout goes on from
//! its later half, as if it had begun there.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Which tokens are set first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnmaskOrder {
    /// Any.
    Random,
    /// Those sampled with the highest probability, with Gumbel noise that falls to 0 over the steps.
    Confidence,
    /// Those sampled with the highest probability.
    Greedy,
    /// Those whose distribution has the least entropy, as many a step as keep its sum under `entropy`: tokens that depend on each other
    /// are then not drawn apart, and a frame that is sure needs few steps. At most `steps`; the last sets what is left.
    Entropy,
}

/// Options of the sampler.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Steps a frame (the paper: 25).
    pub steps: usize,
    /// Divides the logits before sampling (the paper: 2); 0 takes the likeliest token.
    pub temperature: f32,
    /// Which tokens are set first.
    pub order: UnmaskOrder,
    /// Scale of the `confidence` order's noise at the first step.
    pub noise: f32,
    /// Bound of the `entropy` order, in nats a step.
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
    /// # Errors
    /// If there are no steps or the temperature is negative.
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

    /// Tokens of `s` still masked after step `step` of the schedule: ⌊s · cos(π/2 · (step+1)/steps)⌋, and fewer at every step.
    fn masked_after(&self, step: usize, s: usize) -> usize {
        let done = (step + 1) as f64 / self.steps as f64;
        let cosine =
            (s as f64 * (std::f64::consts::FRAC_PI_2 * done).cos()).floor().max(0.0) as usize;
        if step + 1 == self.steps { 0 } else { cosine.min(s.saturating_sub(step + 1)) }
    }
}

/// A model that predicts one more frame after cached ones.
pub trait Predictor {
    /// The cache.
    type Past: Clone;

    /// An empty cache.
    fn start(&self) -> Self::Past;

    /// The most frames that a cache and one more can have.
    fn window(&self) -> usize;

    /// The token that stands for "masked".
    fn mask_token(&self) -> u16;

    /// Logits `[b*s, k]` of the frame with tokens `[b*s]` that is led to by `actions` `[b]` (none before frame 0), and the cache with it added.
    ///
    /// # Errors
    /// If the device has failed.
    fn next(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        past: &Self::Past,
    ) -> Result<(Vec<f32>, Self::Past), ModelError>;

    /// The cache with a finished frame added.
    ///
    /// # Errors
    /// Those of [`Predictor::next`].
    fn extend(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        past: &Self::Past,
    ) -> Result<Self::Past, ModelError> {
        Ok(self.next(tokens, actions, past)?.1)
    }
}

/// Rolls `b` prompts `[b, p, s]` out with actions `[b, t-1]`: tokens `[b, t, s]`.
///
/// # Errors
/// When a logit is no finite number: it would be sampled from all the same. If the device has failed.
pub fn rollout<P: Predictor>(
    model: &P,
    s: usize,
    prompt: &[u16],
    actions: &[u8],
    b: usize,
    config: &SamplerConfig,
    seed: u64,
) -> Result<Vec<u16>, ModelError> {
    let (given, frames) = (prompt.len() / (b * s), actions.len() / b + 1);
    let led = |frame: usize| -> Vec<Option<u8>> {
        (0..b)
            .map(|i| frame.checked_sub(1).map(|before| actions[i * (frames - 1) + before]))
            .collect()
    };
    let mut out = vec![0; b * frames * s];
    let mut past = model.start();
    // The first frame in the cache.
    let mut first = 0;
    for frame in 0..frames {
        if frame - first == model.window() {
            first = frame - (model.window() / 2).max(1);
            past = recall(model, &out, (frames, s), first..frame, led)?;
        }
        let tokens = if frame < given {
            (0..b).flat_map(|i| prompt[(i * given + frame) * s..][..s].iter().copied()).collect()
        } else {
            fill(model, s, &led(frame), &past, config, seed, frame)?
        };
        if frame + 1 < frames {
            past = model.extend(&tokens, &led(frame), &past)?;
        }
        for (i, tokens) in tokens.chunks_exact(s).enumerate() {
            out[(i * frames + frame) * s..][..s].copy_from_slice(tokens);
        }
    }
    Ok(out)
}

/// A cache of some frames of rollouts `[b, frames, s]`, in which no action leads to the first of them.
fn recall<P: Predictor>(
    model: &P,
    out: &[u16],
    (frames, s): (usize, usize),
    range: std::ops::Range<usize>,
    led: impl Fn(usize) -> Vec<Option<u8>>,
) -> Result<P::Past, ModelError> {
    let mut past = model.start();
    for frame in range.clone() {
        let tokens: Vec<u16> =
            out.chunks_exact(frames * s).flat_map(|one| &one[frame * s..][..s]).copied().collect();
        let led = if frame == range.start { vec![None; tokens.len() / s] } else { led(frame) };
        past = model.extend(&tokens, &led, &past)?;
    }
    Ok(past)
}

/// One frame `[b*s]` by iterative unmasking.
fn fill<P: Predictor>(
    model: &P,
    s: usize,
    actions: &[Option<u8>],
    past: &P::Past,
    config: &SamplerConfig,
    seed: u64,
    frame: usize,
) -> Result<Vec<u16>, ModelError> {
    let mut tokens = vec![model.mask_token(); actions.len() * s];
    for step in 0..config.steps {
        let (logits, _) = model.next(&tokens, actions, past)?;
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(ModelError::NotFinite("what the dynamics model predicts"));
        }
        let k = logits.len() / tokens.len();
        let (keep, mask) = (config.masked_after(step, s), model.mask_token());
        tokens.par_chunks_mut(s).zip(logits.par_chunks(s * k)).enumerate().for_each(
            |(i, (tokens, logits))| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(((i as u64) << 32) | ((frame as u64) << 16) | step as u64);
                unmask(tokens, logits, mask, keep, config, step, &mut rng);
            },
        );
        if !tokens.contains(&mask) {
            break;
        }
    }
    Ok(tokens)
}

/// Samples every masked token of one frame and sets the surest, so that `keep` stay masked.
fn unmask(
    tokens: &mut [u16],
    logits: &[f32],
    mask: u16,
    keep: usize,
    config: &SamplerConfig,
    step: usize,
    rng: &mut ChaCha8Rng,
) {
    let k = logits.len() / tokens.len();
    let anneal = config.noise * (1.0 - (step + 1) as f32 / config.steps as f32);
    // How sure, what that costs of the bound, where, what.
    let mut candidates: Vec<(f32, f32, usize, u16)> = tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| **token == mask)
        .map(|(position, _)| {
            let logits = &logits[position * k..][..k];
            let (token, log_probability) = sample(logits, config.temperature, rng);
            let uniform = rng.random::<f32>().clamp(1e-20, 1.0 - 1e-7);
            let (sureness, cost) = match config.order {
                UnmaskOrder::Random => (uniform, 0.0),
                UnmaskOrder::Greedy => (log_probability, 0.0),
                UnmaskOrder::Confidence => (log_probability - anneal * (-uniform.ln()).ln(), 0.0),
                UnmaskOrder::Entropy => {
                    let entropy = entropy(logits, config.temperature);
                    (-entropy, entropy)
                }
            };
            (sureness, cost, position, token)
        })
        .collect();
    candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let set = match config.order {
        UnmaskOrder::Entropy if step + 1 < config.steps => {
            let mut sum = 0.0;
            let fits = |(_, cost, ..): &&(f32, f32, usize, u16)| {
                sum += cost;
                sum <= config.entropy
            };
            candidates.iter().take_while(fits).count().max(1).min(candidates.len())
        }
        _ => candidates.len().saturating_sub(keep),
    };
    for (_, _, position, token) in &candidates[..set] {
        tokens[*position] = *token;
    }
}

/// Entropy of softmax(logits / temperature) in nats.
fn entropy(logits: &[f32], temperature: f32) -> f32 {
    if temperature == 0.0 {
        return 0.0;
    }
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut total, mut mean) = (0.0, 0.0);
    for x in logits {
        let scaled = (x - top) / temperature;
        let weight = scaled.exp();
        total += weight;
        mean += weight * scaled;
    }
    total.ln() - mean / total
}

/// A token drawn from softmax(logits / temperature), with its log probability.
fn sample(logits: &[f32], temperature: f32, rng: &mut ChaCha8Rng) -> (u16, f32) {
    let (best, top) = logits
        .iter()
        .copied()
        .enumerate()
        .fold((0, f32::NEG_INFINITY), |best, (i, x)| if x > best.1 { (i, x) } else { best });
    let scale = if temperature > 0.0 { 1.0 / temperature } else { 1.0 };
    let weight = |x: f32| ((x - top) * scale).exp();
    let total: f32 = logits.iter().map(|x| weight(*x)).sum();
    if temperature == 0.0 {
        return (best as u16, -total.ln());
    }
    let mut left = rng.random::<f32>() * total;
    for (i, x) in logits.iter().enumerate() {
        left -= weight(*x);
        if left <= 0.0 {
            return (i as u16, (x - top) * scale - total.ln());
        }
    }
    (best as u16, -total.ln())
}

#[cfg(test)]
mod tests;
