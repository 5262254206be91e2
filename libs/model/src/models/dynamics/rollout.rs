//! Rollouts of known actions: sessions that are played to their end.

use super::sampler::SamplerConfig;
use super::session::{GeneratedFrame, Session, Turn};
use crate::error::ModelError;

/// Prompts and actions of several rollouts of equal length.
pub struct RolloutInputs<'a> {
    /// Tokens `[batch, p, space]`.
    pub prompt: &'a [u16],
    /// Actions `[batch, t-1]`: entry t leads from frame t to frame t+1.
    pub actions: &'a [u8],
    /// One seed for each rollout `[batch]`.
    pub seeds: &'a [u64],
    /// Tokens per frame.
    pub space: usize,
    /// The most frames that the model sees together.
    pub window: usize,
}

/// Continues the prompts to tokens `[batch, t, space]`; `step` generates one frame of each.
pub fn rollout(
    inputs: &RolloutInputs<'_>,
    sampler: &SamplerConfig,
    step: impl Fn(&mut [Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError>,
) -> Result<Vec<u16>, ModelError> {
    let RolloutInputs { prompt, actions, seeds, space, window } = *inputs;
    let b = seeds.len();
    let (given, steps) = (prompt.len() / (b * space), actions.len() / b);
    let start = |(i, seed): (usize, &u64)| {
        let prompt = &prompt[i * given * space..][..given * space];
        let actions = &actions[i * steps..][..given - 1];
        Session::new(prompt, actions, space, *seed, steps + 1 > window)
    };
    let mut sessions: Vec<Session> = seeds.iter().enumerate().map(start).collect();
    let mut out: Vec<Vec<u16>> = prompt.chunks_exact(given * space).map(<[u16]>::to_vec).collect();
    for frame in given..=steps {
        let turn = |(i, session)| Turn { session, action: actions[i * steps + frame - 1], sampler };
        let mut turns: Vec<Turn<'_>> = sessions.iter_mut().enumerate().map(turn).collect();
        for (out, frame) in out.iter_mut().zip(step(&mut turns)?) {
            out.extend(frame.tokens);
        }
    }
    Ok(out.concat())
}
