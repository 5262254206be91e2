//! Consistency: whether a latent action has the same effect from every start.
//!
//! Every latent action is held from every start, with the same noise. So a start has one effect per
//! action: a mean motion of four numbers in pixels per frame (`motion.rs`). All actions of a start
//! share some motion (an enemy that walks, a fall that continues). It is not an effect of any
//! action, so the mean over actions is subtracted. **Consistency** is the share of the rest that
//! the action alone explains:
//!
//! > Σ over actions of n·|mean over starts|² / Σ over actions and starts of |effect|².
//!
//! It is 1 if every action has one effect from everywhere, and 0 if actions change nothing. n is
//! the number of starts. The value by chance is about 1/n. It is measured with the actions of every
//! start permuted at random.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::random::{Purpose, stream};
use crate::statistics::bootstrap::{Bootstrap, Interval, quantile};
use crate::statistics::motion::FrameMotion;

/// Number of components of an effect.
const PARTS: usize = 4;

/// The effect of each latent action from one start.
#[derive(Debug, Clone)]
pub struct StartEffects {
    /// The start's group (source); groups are numbered without gaps.
    pub group: usize,
    /// One effect for each latent action.
    pub effects: Vec<FrameMotion>,
}

/// Whether held actions have the same effect from every start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// Share of the motion that the action alone explains, after each start's mean is subtracted.
    pub explained: f64,
    pub explained_ci95: Option<Interval>,
    /// The same with actions permuted at random: mean, and 95th percentile.
    pub shuffled: f64,
    pub shuffled_p95: f64,
}

/// Measures consistency; `None` if there are fewer than two starts.
///
/// `draws` is the number of shuffles and of bootstrap draws.
#[must_use]
pub fn consistency(starts: &[StartEffects], draws: usize, seed: u64) -> Option<Consistency> {
    if starts.len() < 2 {
        return None;
    }
    let groups = starts.iter().map(|start| start.group + 1).max()?;
    let mut centred: Vec<Vec<[f64; PARTS]>> =
        starts.iter().map(|start| of_its_own(&start.effects)).collect();
    let by_group = |draw: &[u32]| {
        let weights: Vec<f64> = starts.iter().map(|start| f64::from(draw[start.group])).collect();
        explained(&centred, &weights)
    };
    let value = by_group(&vec![1; groups]);
    let ci95 = Bootstrap::new(groups, draws, seed).interval(value, by_group);

    let mut rng = stream(seed, Purpose::EffectShuffle, 0);
    let mut shuffled: Vec<f64> = (0..draws.max(1))
        .map(|_| {
            for effects in &mut centred {
                effects.shuffle(&mut rng);
            }
            explained(&centred, &vec![1.0; starts.len()])
        })
        .collect();
    shuffled.sort_by(f64::total_cmp);
    Some(Consistency {
        explained: value,
        explained_ci95: ci95.map(|[low, high]| [low.clamp(0.0, 1.0), high.clamp(0.0, 1.0)]),
        shuffled: shuffled.iter().sum::<f64>() / shuffled.len() as f64,
        shuffled_p95: quantile(&shuffled, 0.95),
    })
}

/// Subtracts the mean over all actions of a start from each effect.
fn of_its_own(effects: &[FrameMotion]) -> Vec<[f64; PARTS]> {
    let shared = FrameMotion::mean(effects.iter().copied()).parts();
    effects
        .iter()
        .map(|effect| {
            let parts = effect.parts();
            std::array::from_fn(|part| f64::from(parts[part]) - f64::from(shared[part]))
        })
        .collect()
}

/// Returns the share that actions explain, if each start counts `weights` times.
fn explained(starts: &[Vec<[f64; PARTS]>], weights: &[f64]) -> f64 {
    let actions = starts.first().map_or(0, Vec::len);
    let total_weight: f64 = weights.iter().sum();
    let (mut between, mut total) = (0.0, 0.0);
    for action in 0..actions {
        let mut mean = [0.0; PARTS];
        for (start, &weight) in starts.iter().zip(weights) {
            for part in 0..PARTS {
                let value = start[action][part];
                mean[part] += value * weight / total_weight;
                total += value * value * weight;
            }
        }
        between += total_weight * mean.iter().map(|value| value * value).sum::<f64>();
    }
    if total > 0.0 { between / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: usize = 4;

    /// Effects of every action from every start, as a function of (start, action).
    fn effects(starts: usize, of: impl Fn(usize, usize) -> [f32; 2]) -> Vec<Vec<FrameMotion>> {
        let motion = |start, action| FrameMotion { scroll: [0.0; 2], figure: of(start, action) };
        (0..starts).map(|start| (0..CODES).map(|action| motion(start, action)).collect()).collect()
    }

    fn measured(effects: &[Vec<FrameMotion>]) -> Consistency {
        let starts: Vec<StartEffects> = effects
            .iter()
            .enumerate()
            .map(|(i, effects)| StartEffects { group: i / 2, effects: effects.clone() })
            .collect();
        consistency(&starts, 300, 0).unwrap()
    }

    /// Catches: actions with a constant effect have a consistency below 1, because other things
    /// move too.
    #[test]
    fn an_action_that_always_does_the_same_is_consistent_whatever_else_moves() {
        let found =
            measured(&effects(16, |start, action| [action as f32 + start as f32, -(start as f32)]));
        assert!((found.explained - 1.0).abs() < 1e-6, "{found:?}");
        assert!(found.shuffled < 0.2 && found.shuffled_p95 < 0.5, "{found:?}");
        assert!(found.explained_ci95.unwrap()[0] > found.shuffled_p95);
    }

    /// Catches: random effects count as consistent; the chance level is wrong.
    #[test]
    fn effects_by_chance_are_at_the_level_of_chance() {
        let scrambled = |start: usize, action: usize| {
            let hash = ((start * 31 + action * 17 + 7) * 0x9e37 % 65521) as f32 / 65521.0;
            [hash, 0.0]
        };
        let found = measured(&effects(40, scrambled));
        assert!(found.explained < 2.0 * found.shuffled_p95 && found.explained < 0.2, "{found:?}");
        assert!((found.shuffled - 1.0 / 40.0).abs() < 0.02, "{found:?}");
    }

    /// Catches: the result is NaN if actions change nothing.
    #[test]
    fn actions_without_effect_have_no_consistency() {
        let found = measured(&effects(8, |start, _| [start as f32, 1.0]));
        assert_eq!((found.explained, found.shuffled), (0.0, 0.0));
        assert_eq!(consistency(&[], 10, 0), None);
    }
}
