//! The MaskGIT sampler [Genie §2.3; Chang et al. 2022].
//!
//! All tokens of a new frame are masked at first. The sampler sets them over several steps: the
//! most confident tokens first, as many as a cosine schedule says. Earlier frames are cached, so a
//! step computes one frame.
//!
//! Guarantees:
//!
//! - The number of masked tokens falls at every step and ends at 0.
//! - A token that is set never changes.
//! - A rollout depends only on its own prompt, its actions, the seed and its place in the batch.
//!
//! A rollout may be longer than the model's window. When the window is full, the rollout continues
//! from the window's later half, as if it had begun there.

mod config;
mod unmask;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

pub use config::{SamplerConfig, UnmaskOrder};
use unmask::unmask;

use crate::error::ModelError;

/// A model that predicts one more frame after cached frames.
pub trait Predictor {
    /// The cache.
    type Past: Clone;

    /// An empty cache.
    fn start(&self) -> Self::Past;

    /// The most frames that a cache and one more frame can have together.
    fn window(&self) -> usize;

    /// The token that means "masked".
    fn mask_token(&self) -> u16;

    /// Logits `[batch*space, codes]` of a frame, and the cache with this frame.
    ///
    /// `tokens` are the frame's tokens `[batch*space]`, and `actions` `[batch]` lead to it. No
    /// action leads to frame 0. Fails if the device fails.
    fn next(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        past: &Self::Past,
    ) -> Result<(Vec<f32>, Self::Past), ModelError>;

    /// The cache with a finished frame. Fails if [`Predictor::next`] would fail.
    fn extend(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        past: &Self::Past,
    ) -> Result<Self::Past, ModelError> {
        Ok(self.next(tokens, actions, past)?.1)
    }
}

/// Continues `b` prompts `[b, p, s]` with actions `[b, t-1]` to tokens `[b, t, s]`.
///
/// Fails if the device fails or a logit is not a finite number, since sampling would not notice it.
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

/// A new cache of some frames of rollouts `[b, frames, s]`. No action leads to the first of them.
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

/// Samples one frame `[b*s]` over the configured steps.
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
            return Err(ModelError::NotFinite("the output of the dynamics model"));
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

#[cfg(test)]
mod tests;
