//! The dynamics model's network.

use burn::module::{Module, Param};
use burn::nn::{Initializer, Linear};
use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor, TensorData};

use super::config::{ActionMode, DynamicsConfig, PreviousFrame, Vocabulary};
use crate::kernels::Kernels;
use crate::layers::{Convolutions, Grid, Positions, Stack, fan_in, linear};

/// The network. The fields' names are the names of the weights in a checkpoint.
#[derive(Module, Debug)]
pub struct DynamicsNet<B: Backend> {
    pub tokens: Param<Tensor<B, 2>>,
    previous: Option<Param<Tensor<B, 2>>>,
    neighbours: Option<Convolutions<B>>,
    pub actions: Param<Tensor<B, 2>>,
    pub positions: Positions<B>,
    pub stack: Stack<B>,
    pub logits: Linear<B>,
    prepend: bool,
    /// Tokens per row of a frame.
    columns: usize,
    /// The numbers of values of an action's parts; empty if an action has a row of its own.
    pub parts: Vec<usize>,
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
        let parts = config.action_parts.len().max(1);
        // The sum of the parts' rows is as large as one row.
        let part = Initializer::Normal { mean: 0.0, std: 0.5 / (parts as f64).sqrt() };
        Self {
            // Each table has one more row: for the mask token, or for "no action".
            tokens: table.init([vocabulary.codes + 1, d], device),
            previous: (config.previous_frame != PreviousFrame::None)
                .then(|| table.init([vocabulary.codes + 1, d], device)),
            neighbours: config.neighbours().map(|neighbours| neighbours.init(d, device)),
            actions: part.init([config.action_rows(vocabulary.actions) + 1, d], device),
            positions: config.stack.positions(vocabulary.frames, config.lead(), grid, device),
            stack: config.stack.init(device),
            logits: linear(d, vocabulary.codes, 0.02 * fan_in(d), device),
            prepend: config.action_mode == ActionMode::Prepend,
            columns: vocabulary.columns,
            parts: config.action_parts.clone(),
        }
    }

    /// The embeddings `[actions+1, d]` of all actions; the last one is that of "no action".
    fn action_table(&self) -> Tensor<B, 2> {
        let rows = self.actions.val();
        if self.parts.is_empty() {
            return rows;
        }
        let (count, width) = (self.parts.iter().product::<usize>() + 1, rows.dims()[0]);
        let members = TensorData::new(members(&self.parts), [count, width]);
        Tensor::<B, 2>::from_data(members, &rows.device()).matmul(rows)
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
        let d = tokens.dims()[1];
        if let Some(previous) = &self.previous {
            let before = previous.val().select(0, before);
            if let Some(neighbours) = &self.neighbours {
                let frames = [b * t, s / self.columns, self.columns, d];
                let seen = neighbours.forward(before.clone().reshape(frames));
                tokens = tokens + seen.reshape([grid.rows(), d]);
            }
            tokens = tokens + before;
        }
        let table = self.action_table();
        let (rows, grid) = if self.prepend {
            let actions = table.select(0, actions).reshape([b * t, 1, d]);
            let grid = Grid { b, t, s: s + 1 };
            let rows = Tensor::cat(vec![actions, tokens.reshape([b * t, s, d])], 1);
            (rows.reshape([grid.rows(), d]), grid)
        } else {
            // The CPU backend adds whole rows much faster than rows that it broadcasts.
            let of_rows = actions.reshape([b * t, 1]).repeat_dim(1, s).reshape([b * t * s]);
            (tokens + table.select(0, of_rows), grid)
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

/// Which rows each action is the sum of: `[actions+1, rows+1]` values of 0 or 1.
///
/// The digits of an action are the values of its parts, the first part fastest. Only "no action",
/// which is last, has the last row.
fn members(parts: &[usize]) -> Vec<f32> {
    let (count, width) = (parts.iter().product::<usize>(), parts.iter().sum::<usize>() + 1);
    let mut members = vec![0.0; (count + 1) * width];
    for (action, members) in members.chunks_exact_mut(width).take(count).enumerate() {
        let (mut rest, mut first) = (action, 0);
        for part in parts {
            members[first + rest % part] = 1.0;
            (rest, first) = (rest / part, first + part);
        }
    }
    members[(count + 1) * width - 1] = 1.0;
    members
}
