//! Every random choice of an evaluation, derived from one seed.
//!
//! Each purpose has its own random stream, and most purposes have one stream per window. So a
//! larger number of windows, another batch size or a new statistic never changes the other draws.
//! The specification of `ChaCha` fixes its output, so the report is the same on every machine.

use rand::{Rng, RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// The use of a random stream.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub enum Purpose {
    Windows = 1,
    RandomActions,
    TimeShuffle,
    Sampler,
    // 5 is the stream of the bootstrap in `libs/training`.
    TruthShuffle = 6,
    Halves,
    Subset,
    ProbeShuffle,
    EffectShuffle,
    LongRollout,
}

/// Returns stream number `index` of `purpose`.
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, index: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(((purpose as u64) << 32) | index as u64);
    rng
}

/// Returns a seed for the model's sampler.
#[must_use]
pub fn sampler_seed(seed: u64, index: usize) -> u64 {
    stream(seed, Purpose::Sampler, index).next_u64()
}

/// Returns a seed for the model's sampler in the long rollouts of a clip.
#[must_use]
pub fn long_sampler_seed(seed: u64, clip: usize) -> u64 {
    stream(seed, Purpose::LongRollout, clip).next_u64()
}

/// Draws a sequence of uniformly random latent actions for a window.
///
/// `draw` numbers the sequences of one window. The first `given` entries stay as inferred, because
/// they lead to frames of the prompt.
#[must_use]
pub fn random_actions(
    inferred: &[u8],
    given: usize,
    codes: usize,
    seed: u64,
    window: usize,
    draw: usize,
) -> Vec<u8> {
    let mut rng = stream(seed, Purpose::RandomActions, window << 8 | draw);
    let mut actions = inferred.to_vec();
    actions[given..]
        .iter_mut()
        .for_each(|action| *action = u8::try_from(rng.random_range(0..codes)).unwrap_or(u8::MAX));
    actions
}

/// Shuffles a window's own latent actions in time, except the first `given`.
///
/// `draw` numbers the shuffles of one window.
#[must_use]
pub fn shuffled_actions(
    inferred: &[u8],
    given: usize,
    seed: u64,
    window: usize,
    draw: usize,
) -> Vec<u8> {
    let mut rng = stream(seed, Purpose::TimeShuffle, window << 8 | draw);
    let mut actions = inferred.to_vec();
    actions[given..].shuffle(&mut rng);
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the actions are new random ones instead of a permutation, so the rollout gets
    /// actions that do not occur in the clip; the prompt's actions are shuffled.
    #[test]
    fn a_time_shuffle_keeps_the_multiset_and_the_prompt() {
        let inferred: Vec<u8> = vec![5, 5, 0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 1, 1, 1];
        let mut shuffled = shuffled_actions(&inferred, 2, 0, 3, 1);
        assert_eq!(shuffled[..2], inferred[..2]);
        assert_ne!(shuffled, inferred);
        let mut sorted = inferred.clone();
        sorted.sort_unstable();
        shuffled.sort_unstable();
        assert_eq!(shuffled, sorted);
    }

    /// Catches: all windows share one random stream, so every window gets the same random sequence.
    #[test]
    fn random_actions_cover_all_codes_and_differ_by_window_and_draw() {
        let inferred = vec![0; 200];
        let a = random_actions(&inferred, 1, 6, 0, 0, 0);
        assert_ne!(a, random_actions(&inferred, 1, 6, 0, 1, 0));
        assert_ne!(a, random_actions(&inferred, 1, 6, 0, 0, 1));
        assert_eq!(a, random_actions(&inferred, 1, 6, 0, 0, 0));
        assert_eq!(a[0], 0);
        let mut seen = [false; 6];
        a[1..].iter().for_each(|&action| seen[usize::from(action)] = true);
        assert_eq!(seen, [true; 6]);
    }
}
