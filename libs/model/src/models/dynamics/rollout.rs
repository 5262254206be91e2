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

/// Generates the frames after the prompts `[batch][t-p]`; `step` generates one of each rollout.
pub fn generate(
    inputs: &RolloutInputs<'_>,
    sampler: &SamplerConfig,
    step: impl Fn(&mut [Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError>,
) -> Result<Vec<Vec<GeneratedFrame>>, ModelError> {
    let RolloutInputs { prompt, actions, seeds, space, window } = *inputs;
    let b = seeds.len();
    let (given, steps) = (prompt.len() / (b * space), actions.len() / b);
    let start = |(i, seed): (usize, &u64)| {
        let prompt = &prompt[i * given * space..][..given * space];
        let actions = &actions[i * steps..][..given - 1];
        Session::new(prompt, actions, space, *seed, steps + 1 > window)
    };
    let mut sessions: Vec<Session> = seeds.iter().enumerate().map(start).collect();
    let mut generated = vec![Vec::new(); b];
    for frame in given..=steps {
        let turn = |(i, session)| Turn { session, action: actions[i * steps + frame - 1], sampler };
        let mut turns: Vec<Turn<'_>> = sessions.iter_mut().enumerate().map(turn).collect();
        for (frames, frame) in generated.iter_mut().zip(step(&mut turns)?) {
            frames.push(frame);
        }
    }
    Ok(generated)
}

/// Tokens `[batch, t, space]` of the prompts and of the frames after them.
pub fn rollout(
    inputs: &RolloutInputs<'_>,
    sampler: &SamplerConfig,
    step: impl Fn(&mut [Turn<'_>]) -> Result<Vec<GeneratedFrame>, ModelError>,
) -> Result<Vec<u16>, ModelError> {
    let generated = generate(inputs, sampler, step)?;
    let prompts = inputs.prompt.chunks_exact(inputs.prompt.len() / inputs.seeds.len());
    let mut tokens = Vec::new();
    for (prompt, frames) in prompts.zip(generated) {
        tokens.extend_from_slice(prompt);
        tokens.extend(frames.into_iter().flat_map(|frame| frame.tokens));
    }
    Ok(tokens)
}
