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
//! - A frame depends on its own session only, and not on the others in the batch.

mod config;
mod unmask;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

pub use config::{SamplerConfig, UnmaskOrder};
use unmask::MaskedFrame;

use super::session::{GeneratedFrame, SeenFrame, Turn};
use crate::error::ModelError;
use crate::models::sequence::{FrameReader, catch_up};

/// A model that predicts the next frame after the frames that it has read.
pub trait Predictor: FrameReader<Frame = SeenFrame> {
    /// The pasts of several sessions, prepared for a batch.
    type Batch;

    /// The token that means "masked".
    fn mask_token(&self) -> u16;

    /// Prepares pasts for the steps of one frame. Neighbours of equal length share work.
    fn gather(&self, pasts: &[&Self::Past]) -> Self::Batch;

    /// Logits `[batch*space, codes]` of a frame that is partly masked.
    ///
    /// `tokens` are the frame's tokens `[batch*space]`, and `actions` `[batch]` lead to it. Fails
    /// if the device fails.
    fn logits(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        batch: &Self::Batch,
    ) -> Result<Vec<f32>, ModelError>;
}

/// Generates one frame of each session. If it fails, all sessions are as before.
pub fn step<P: Predictor>(
    model: &P,
    turns: &mut [Turn<'_>],
) -> Result<Vec<GeneratedFrame>, ModelError> {
    let mut sequences: Vec<_> = turns.iter_mut().map(Turn::frames).collect();
    catch_up(model, &mut sequences)?;
    // Sessions whose caches have equal length come together. The result is in the given order.
    let mut order: Vec<usize> = (0..turns.len()).collect();
    order.sort_by_key(|turn| turns[*turn].session.seen());
    let generated = fill(model, &order.iter().map(|turn| &turns[*turn]).collect::<Vec<_>>())?;
    let mut frames: Vec<_> = order.into_iter().zip(generated).collect();
    frames.sort_by_key(|(turn, _)| *turn);
    for (turn, (_, frame)) in turns.iter_mut().zip(&frames) {
        let (tokens, action) = (frame.tokens.clone(), Some(turn.action));
        turn.frames().push(SeenFrame { tokens, action });
    }
    Ok(frames.into_iter().map(|(_, frame)| frame).collect())
}

/// Samples one frame of each session, which has caught up.
///
/// Fails if the device fails or a logit is not a finite number, since sampling would not notice it.
fn fill<P: Predictor>(model: &P, turns: &[&Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError> {
    let mask = model.mask_token();
    let frame = |(number, turn): (usize, &&Turn<'_>)| {
        (number, MaskedFrame::new(turn.session.last().len(), mask))
    };
    let gather = |frames: &[(usize, MaskedFrame)]| {
        let pasts: Vec<&P::Past> = frames.iter().map(|(turn, _)| turns[*turn].past()).collect();
        let actions: Vec<Option<u8>> =
            frames.iter().map(|(turn, _)| Some(turns[*turn].action)).collect();
        (model.gather(&pasts), actions)
    };
    // Each frame with the number of its turn.
    let mut frames: Vec<(usize, MaskedFrame)> = turns.iter().enumerate().map(frame).collect();
    let mut finished = Vec::new();
    let (mut batch, mut actions) = gather(&frames);
    let steps = turns.iter().map(|turn| turn.sampler.steps).max().unwrap_or(0);
    for step in 0..steps {
        let masked = frames.iter().filter(|(_, frame)| frame.is_masked()).count();
        if masked == 0 {
            break;
        }
        // Gathering a batch takes time. So finished frames leave only when they are half of it.
        if masked <= frames.len() / 2 {
            let (left, done) = frames.into_iter().partition(|(_, frame)| frame.is_masked());
            finished.extend::<Vec<_>>(done);
            frames = left;
            (batch, actions) = gather(&frames);
        }
        let tokens: Vec<u16> =
            frames.iter().flat_map(|(_, frame)| &frame.so_far.tokens).copied().collect();
        let logits = model.logits(&tokens, &actions, &batch)?;
        if !logits.iter().all(|logit| logit.is_finite()) {
            return Err(ModelError::NotFinite("the output of the dynamics model"));
        }
        let row = logits.len() / frames.len();
        frames.par_iter_mut().zip(logits.par_chunks(row)).for_each(|((turn, frame), logits)| {
            let turn = turns[*turn];
            let mut rng = ChaCha8Rng::seed_from_u64(turn.seed());
            rng.set_stream(((turn.frame() as u64) << 16) | step as u64);
            frame.unmask(logits, turn.sampler, step, &mut rng);
        });
    }
    finished.append(&mut frames);
    finished.sort_unstable_by_key(|(turn, _)| *turn);
    Ok(finished.into_iter().map(|(_, frame)| frame.so_far).collect())
}

#[cfg(test)]
mod tests;
