//! The dynamics model's network.

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::config::{ActionMode, DynamicsConfig, Vocabulary};
use crate::kernels::Kernels;
use crate::layers::{Grid, Positions, Stack, fan_in, linear};

/// The network. The fields' names are the names of the weights in a checkpoint.
#[derive(Module, Debug)]
pub struct DynamicsNet<B: Backend> {
    pub tokens: Param<Tensor<B, 2>>,
    previous: Option<Param<Tensor<B, 2>>>,
    pub actions: Param<Tensor<B, 2>>,
    pub positions: Positions<B>,
    pub stack: Stack<B>,
    pub logits: Linear<B>,
    prepend: bool,
}

#[cfg(test)]
thread_local! {
    /// The number of positions that the networks of this thread have computed.
    pub static COMPUTED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl<B: Kernels> DynamicsNet<B> {
    /// A network with random weights.
    pub fn new(config: &DynamicsConfig, vocabulary: Vocabulary, device: &B::Device) -> Self {
        let d = config.stack.d;
        // As large as the positions, so that neither dominates their sum.
        let table = Initializer::Normal { mean: 0.0, std: 0.5 };
        let grid = (vocabulary.positions / vocabulary.columns, vocabulary.columns);
        Self {
            // Each table has one more row: for the mask token, or for "no action".
            tokens: table.init([vocabulary.codes + 1, d], device),
            previous: config.previous_frame.then(|| table.init([vocabulary.codes + 1, d], device)),
            actions: table.init([vocabulary.actions + 1, d], device),
            positions: config.stack.positions(vocabulary.frames, config.lead(), grid, device),
            stack: config.stack.init(device),
            logits: linear(d, vocabulary.codes, 0.02 * fan_in(d), device),
            prepend: config.action_mode == ActionMode::Prepend,
        }
    }

    /// Embeds frames as rows without positions, and returns the grid of the rows.
    ///
    /// `tokens` are `[batch*time*space]`, `before` are the tokens of the previous frames
    /// `[batch*time*space]`, and `actions` lead to each frame `[batch*time]`.
    pub fn embed(
        &self,
        tokens: Tensor<B, 1, Int>,
        before: Tensor<B, 1, Int>,
        actions: Tensor<B, 1, Int>,
        grid: Grid,
    ) -> (Tensor<B, 2>, Grid) {
        let Grid { b, t, s } = grid;
        let mut tokens = self.tokens.val().select(0, tokens);
        if let Some(previous) = &self.previous {
            tokens = tokens + previous.val().select(0, before);
        }
        let actions = self.actions.val().select(0, actions);
        let d = tokens.dims()[1];
        let (tokens, actions) = (tokens.reshape([b * t, s, d]), actions.reshape([b * t, 1, d]));
        let (rows, grid) = if self.prepend {
            let grid = Grid { b, t, s: s + 1 };
            (Tensor::cat(vec![actions, tokens], 1).reshape([grid.rows(), d]), grid)
        } else {
            ((tokens + actions).reshape([grid.rows(), d]), grid)
        };
        #[cfg(test)]
        COMPUTED.set(COMPUTED.get() + grid.rows());
        (rows, grid)
    }

    /// The rows of the tokens among the rows of tokens and actions.
    pub fn token_rows(&self, rows: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        if !self.prepend {
            return rows;
        }
        let d = rows.dims()[1];
        let s = grid.s - 1;
        rows.reshape([grid.b * grid.t, grid.s, d]).narrow(1, 1, s).reshape([grid.b * grid.t * s, d])
    }

    /// Hidden rows `[batch*time*space, d]` of the tokens of whole windows.
    ///
    /// `clean` are the same tokens without masks. The input of a frame has the clean tokens of the
    /// previous frame.
    pub fn forward(
        &self,
        tokens: Tensor<B, 1, Int>,
        clean: Tensor<B, 1, Int>,
        actions: Tensor<B, 1, Int>,
        grid: Grid,
    ) -> Tensor<B, 2> {
        let frames = clean.reshape([grid.b, grid.t, grid.s]);
        let mask = self.tokens.dims()[0] as i64 - 1;
        let start = frames.clone().narrow(1, 0, 1).zeros_like() + mask;
        let before =
            Tensor::cat(vec![start, frames.narrow(1, 0, grid.t - 1)], 1).reshape([grid.rows()]);
        let (x, grid) = self.embed(tokens, before, actions, grid);
        self.token_rows(self.stack.forward(self.positions.add(x, grid), grid), grid)
    }
}
