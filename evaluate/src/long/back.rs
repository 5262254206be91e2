//! There and back: whether the world comes back if an action is held, and then its opposite.
//!
//! A world that forgets what it does not see, or whose actions drift, does not come back [Yu et al.
//! 2025, arXiv 2503.08122]. The frame after the way there and back is compared with the frame
//! before it. The frame after the way there is compared with that frame, too. The difference of the
//! two PSNRs is what coming back gains.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::long::batch::LongBatch;
use crate::long::scores::exact;
use crate::report::schema::{Effects, Moves};
use crate::statistics::bootstrap::Interval;
use crate::statistics::pixels::psnr;
use crate::world::{ActionBatch, TokenBatch};

/// Frames of each way.
pub const WAYS: [usize; 2] = [4, 8];
/// Largest number of pairs of actions; each is measured in both orders.
const MOST_PAIRS: usize = 2;
/// Largest length of the sum of two opposite effects, as a share of the sum of their lengths.
///
/// It is 0 for exact opposites. Effects of equal length are at an angle of at least 133°, and
/// opposite ones differ in length by a factor of at most 2.3.
const MOST_LEFT: f64 = 0.4;

/// An action, and the one with the opposite effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OppositeActions {
    pub there: u8,
    pub back: u8,
}

/// Finds pairs of actions whose effects are opposite when they are held.
///
/// In at least one direction, both intervals exclude zero, on different sides. The pairs with the
/// largest effects are chosen. No action is in two pairs.
#[must_use]
pub fn opposites(effects: &Effects) -> Vec<OppositeActions> {
    let held: Vec<(u8, &Moves)> = effects
        .actions
        .iter()
        .filter_map(|effect| Some((u8::try_from(effect.action).ok()?, effect.held.as_ref()?)))
        .collect();
    let mut pairs = Vec::new();
    for (number, &(a, first)) in held.iter().enumerate() {
        for &(b, second) in &held[number + 1..] {
            if are_opposite(first, second) {
                pairs.push((length(first).min(length(second)), a, b));
            }
        }
    }
    pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut chosen: Vec<OppositeActions> = Vec::new();
    for (_, a, b) in pairs {
        let is_free = |code| chosen.iter().all(|pair| pair.there != code && pair.back != code);
        if is_free(a) && is_free(b) && chosen.len() < 2 * MOST_PAIRS {
            chosen.push(OppositeActions { there: a, back: b });
            chosen.push(OppositeActions { there: b, back: a });
        }
    }
    chosen
}

fn parts(moves: &Moves) -> [(f64, Option<Interval>); 4] {
    [
        (moves.scroll_x, moves.scroll_x_ci95),
        (moves.scroll_y, moves.scroll_y_ci95),
        (moves.figure_x, moves.figure_x_ci95),
        (moves.figure_y, moves.figure_y_ci95),
    ]
}

fn length(moves: &Moves) -> f64 {
    parts(moves).iter().map(|(mean, _)| mean * mean).sum::<f64>().sqrt()
}

fn are_opposite(a: &Moves, b: &Moves) -> bool {
    let both = parts(a).into_iter().zip(parts(b));
    let sum = both.clone().map(|((a, _), (b, _))| (a + b) * (a + b)).sum::<f64>().sqrt();
    let apart = both.into_iter().any(|((_, a), (_, b))| match (a, b) {
        (Some([low_a, high_a]), Some([low_b, high_b])) => {
            (high_a < 0.0 && low_b > 0.0) || (high_b < 0.0 && low_a > 0.0)
        }
        _ => false,
    });
    apart && sum <= MOST_LEFT * (length(a) + length(b))
}

/// PSNR in dB against the frame before the way, one entry for each clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WayScores {
    pub actions: OppositeActions,
    /// Frames of the way there, and of the way back.
    pub frames: usize,
    #[serde(with = "exact")]
    pub there: Vec<f64>,
    #[serde(with = "exact")]
    pub back: Vec<f64>,
}

impl LongBatch<'_> {
    /// Goes there and back from the prompt of every clip.
    ///
    /// `latent` has at least the actions of the prompt.
    ///
    /// # Errors
    /// Fails if the models do not fit the clips.
    pub fn there_and_back(
        &self,
        prompt: &TokenBatch,
        latent: &ActionBatch,
        actions: OppositeActions,
        frames: usize,
    ) -> Result<WayScores> {
        let given = prompt.frames - 1;
        let steps = given + 2 * frames;
        let data = (0..prompt.batch)
            .flat_map(|b| {
                let way = |action| std::iter::repeat_n(action, frames);
                let given = latent.window(b)[..given].iter().copied();
                given.chain(way(actions.there)).chain(way(actions.back))
            })
            .collect();
        let video = self.rollout(prompt, &ActionBatch { batch: prompt.batch, steps, data })?;
        let against_start = |after: usize| {
            (0..video.batch)
                .map(|b| psnr(video.frame(b, given), video.frame(b, given + after)))
                .collect()
        };
        Ok(WayScores {
            actions,
            frames,
            there: against_start(frames),
            back: against_start(2 * frames),
        })
    }
}
