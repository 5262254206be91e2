//! One step of the sampler on one frame: which tokens it sets, and to what.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::{SamplerConfig, UnmaskOrder};
use crate::models::dynamics::session::GeneratedFrame;

/// A token that the sampler may set.
struct Proposal {
    /// Proposals with more confidence come first.
    confidence: f32,
    /// Entropy that the token adds to the sampling step, in nats. 0 in all orders but `entropy`.
    entropy: f32,
    position: usize,
    token: u16,
}

/// A frame of which some tokens are masked.
pub struct MaskedFrame {
    pub so_far: GeneratedFrame,
    mask: u16,
}

impl MaskedFrame {
    /// A frame of `space` masked tokens.
    pub fn new(space: usize, mask: u16) -> Self {
        let (tokens, set_at) = (vec![mask; space], vec![0; space]);
        let so_far = GeneratedFrame { tokens, set_at, entropy: vec![0.0; space] };
        Self { so_far, mask }
    }

    /// Whether a token is masked.
    pub fn is_masked(&self) -> bool {
        self.so_far.tokens.contains(&self.mask)
    }

    /// Samples every masked token, and sets the first of them in the configured order.
    ///
    /// The sampler's schedule says how many tokens stay masked; the `entropy` order may set more.
    /// After the last step nothing is masked. `logits` are `[space, codes]`.
    pub fn unmask(
        &mut self,
        logits: &[f32],
        config: &SamplerConfig,
        step: usize,
        rng: &mut ChaCha8Rng,
    ) {
        let GeneratedFrame { tokens, set_at, entropy: entropies } = &mut self.so_far;
        let mask = self.mask;
        let k = logits.len() / tokens.len();
        let anneal = config.noise * (1.0 - (step + 1) as f32 / config.steps as f32);
        let mut proposals: Vec<Proposal> = tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| **token == mask)
            .map(|(position, _)| {
                let logits = &logits[position * k..][..k];
                let (token, log_probability) = sample(logits, config.temperature, rng);
                let uniform = rng.random::<f32>().clamp(1e-20, 1.0 - 1e-7);
                let noise = -anneal * (-uniform.ln()).ln();
                let (confidence, entropy) = match config.order {
                    UnmaskOrder::Random => (uniform, 0.0),
                    UnmaskOrder::Greedy | UnmaskOrder::Tapered => (log_probability, 0.0),
                    UnmaskOrder::Confidence => (log_probability + noise, 0.0),
                    UnmaskOrder::Entropy => {
                        let entropy = entropy(logits, config.temperature);
                        (-entropy, entropy)
                    }
                };
                Proposal { confidence, entropy, position, token }
            })
            .collect();
        proposals.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let scheduled = proposals.len().saturating_sub(config.masked_after(step, tokens.len()));
        let set = if config.order == UnmaskOrder::Entropy {
            let mut sum = 0.0;
            let fits = |proposal: &&Proposal| {
                sum += proposal.entropy;
                sum <= config.entropy
            };
            proposals.iter().take_while(fits).count().max(scheduled).max(1).min(proposals.len())
        } else {
            scheduled
        };
        for Proposal { position, token, .. } in &proposals[..set] {
            tokens[*position] = *token;
            set_at[*position] = step as u32;
            entropies[*position] = entropy(&logits[position * k..][..k], 1.0);
        }
    }
}

/// Entropy of softmax(logits / temperature) in nats.
pub fn entropy(logits: &[f32], temperature: f32) -> f32 {
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

/// Samples a token from softmax(logits / temperature), and returns its log probability too.
pub fn sample(logits: &[f32], temperature: f32, rng: &mut ChaCha8Rng) -> (u16, f32) {
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
