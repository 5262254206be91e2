//! A loaded dynamics model as the sampler's predictor, with a cache of the earlier frames.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::config::DynamicsDescription;
use super::sampler::{self, Predictor, SamplerConfig};
use crate::error::ModelError;
use crate::host;
use crate::kernels::Kernels;
use crate::layers::{Grid, Past, apply, indices};
use crate::models::lifecycle::Loaded;

/// The frames of a rollout so far: the transformer's cache, and the last frame's tokens.
#[derive(Clone)]
pub struct History<B: Backend> {
    past: Past<B>,
    last: Vec<u16>,
}

impl<B: Kernels> Predictor for Loaded<B, DynamicsDescription> {
    type Past = History<B>;

    fn start(&self) -> History<B> {
        History { past: Past::new(), last: Vec::new() }
    }

    fn window(&self) -> usize {
        self.description.vocabulary.frames
    }

    fn mask_token(&self) -> u16 {
        self.description.vocabulary.codes as u16
    }

    fn next(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        history: &History<B>,
    ) -> Result<(Vec<f32>, History<B>), ModelError> {
        let (hidden, longer) = self.step(tokens, actions, history);
        Ok((host::floats(apply(&self.net.logits, hidden))?, longer))
    }

    fn extend(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        history: &History<B>,
    ) -> Result<History<B>, ModelError> {
        Ok(self.step(tokens, actions, history).1)
    }
}

impl<B: Kernels> Loaded<B, DynamicsDescription> {
    /// Hidden rows `[batch*space, d]` of one more frame, and the history with this frame.
    fn step(
        &self,
        tokens: &[u16],
        actions: &[Option<u8>],
        history: &History<B>,
    ) -> (Tensor<B, 2>, History<B>) {
        let vocabulary = self.description.vocabulary;
        let grid = Grid { b: actions.len(), t: 1, s: vocabulary.positions };
        let none = vocabulary.actions as i64;
        let row = |tokens: &[u16]| {
            indices::<B>(tokens.iter().map(|token| i64::from(*token)), &self.device)
        };
        let before = if history.last.is_empty() {
            row(&vec![self.mask_token(); tokens.len()])
        } else {
            row(&history.last)
        };
        let led =
            indices::<B>(actions.iter().map(|action| action.map_or(none, i64::from)), &self.device);
        let (x, grid) = self.net.embed(row(tokens), before, led, grid, history.past.frames());
        let (hidden, past) = self.net.stack.next_frame(x, grid.b, &history.past);
        (self.net.token_rows(hidden, grid), History { past, last: tokens.to_vec() })
    }
}

/// The operation of a dynamics model on some backend.
pub trait Roller: Send {
    /// See [`sampler::rollout`].
    fn rollout(
        &self,
        prompt: &[u16],
        actions: &[u8],
        b: usize,
        config: &SamplerConfig,
        seed: u64,
    ) -> Result<Vec<u16>, ModelError>;
}

impl<B: Kernels> Roller for Loaded<B, DynamicsDescription> {
    fn rollout(
        &self,
        prompt: &[u16],
        actions: &[u8],
        b: usize,
        config: &SamplerConfig,
        seed: u64,
    ) -> Result<Vec<u16>, ModelError> {
        let positions = self.description.vocabulary.positions;
        sampler::rollout(self, positions, prompt, actions, b, config, seed)
    }
}
