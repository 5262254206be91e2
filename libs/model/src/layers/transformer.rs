//! The spatiotemporal (ST) transformer [Genie §2.1].
//!
//! A block is spatial attention, causal temporal attention and one feed-forward layer. Each is
//! pre-normalised and has a residual. The cost is linear in the number of frames, except for
//! temporal attention, which is small.
//!
//! Guarantees:
//! - The output of frame t depends only on frames up to t.
//! - [`Stack::next_frame`] computes one more frame from cached keys and values. The result equals
//!   that of [`Stack::forward`] over all frames.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::attention::{Attention, AttentionConfig};
use super::grid::Grid;
use super::linear::{apply, fan_in, linear};
use super::norm::Norm;
use super::positions::Positions;
use crate::ModelError;
use crate::kernels::{Axis, Kernels, gelu};

/// Shape of a stack of ST-blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackConfig {
    /// Number of transformer blocks, at least 1.
    pub layers: usize,
    /// Number of features of each position (the width of the model), at least 1.
    ///
    /// It is a multiple of `heads`, unless `head_dim` is set.
    pub d: usize,
    /// Number of attention heads in each attention layer, at least 1.
    pub heads: usize,
    /// Number of features of one attention head; 0 means `d` divided by `heads`.
    ///
    /// The paper calls it the k/q size.
    #[serde(default)]
    pub head_dim: usize,
    /// Hidden width of the feed-forward layers, as a multiple of `d`, at least 1.
    pub ffn_mult: usize,
    /// Whether queries and keys have a layer norm; large models need it for stability.
    pub qk_norm: bool,
    /// Whether blocks have temporal attention; without it, frames are independent of each other.
    pub temporal: bool,
}

impl StackConfig {
    /// Checks that no number is zero, and that `d` is a multiple of `heads` if `head_dim` is 0.
    pub fn check(&self, section: &str) -> Result<(), ModelError> {
        if self.layers == 0
            || self.heads == 0
            || self.ffn_mult == 0
            || self.d == 0
            || (self.head_dim == 0 && !self.d.is_multiple_of(self.heads))
        {
            return Err(ModelError::Config(format!(
                "[{section}] layers, d, heads and ffn_mult must be at least 1; d must be a \
                 multiple of heads, or head_dim must be set: {self:?}"
            )));
        }
        Ok(())
    }

    /// Width of a head.
    pub fn head_width(&self) -> usize {
        if self.head_dim == 0 { self.d / self.heads } else { self.head_dim }
    }

    /// Shape of the attention layers.
    pub fn attention(&self) -> AttentionConfig {
        AttentionConfig {
            d: self.d,
            heads: self.heads,
            head_width: self.head_width(),
            qk_norm: self.qk_norm,
            branches: self.branches(),
        }
    }

    /// Width of all heads together: the width of queries, of keys and of values.
    pub fn inner(&self) -> usize {
        self.heads * self.head_width()
    }

    /// Number of residual branches.
    pub fn branches(&self) -> usize {
        self.layers * if self.temporal { 3 } else { 2 }
    }

    /// Position embeddings for this stack's rows.
    ///
    /// There are up to `frames` frames, each of `lead` positions and an image of `picture` (rows,
    /// columns) positions.
    pub fn positions<B: Backend>(
        &self,
        frames: usize,
        lead: usize,
        picture: (usize, usize),
        device: &B::Device,
    ) -> Positions<B> {
        Positions::new(if self.temporal { frames } else { 1 }, lead, picture, self.d, device)
    }

    /// A stack with random initial weights.
    ///
    /// # Panics
    /// If [`StackConfig::check`] fails.
    pub fn init<B: Kernels>(&self, device: &B::Device) -> Stack<B> {
        Stack {
            blocks: (0..self.layers).map(|_| Block::new(self, device)).collect(),
            norm: Norm::new(self.d, device),
        }
    }
}

#[derive(Module, Debug)]
struct Block<B: Backend> {
    space: Attention<B>,
    time: Option<Attention<B>>,
    norm: Norm<B>,
    up: Linear<B>,
    down: Linear<B>,
}

impl<B: Kernels> Block<B> {
    fn new(config: &StackConfig, device: &B::Device) -> Self {
        let d = config.d;
        let attention = || Attention::new(config.attention(), device);
        let hidden = d * config.ffn_mult;
        Self {
            space: attention(),
            time: config.temporal.then(attention),
            norm: Norm::new(d, device),
            up: linear(d, hidden, fan_in(d), device),
            down: linear(hidden, d, fan_in(hidden) / (config.branches() as f64).sqrt(), device),
        }
    }

    fn feed_forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        apply(&self.down, gelu(apply(&self.up, self.norm.forward(x))))
    }

    fn forward(&self, x: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        let x = x.clone() + self.space.forward(x, grid, Axis::Space);
        let x = match &self.time {
            Some(time) => x.clone() + time.forward(x, grid, Axis::Time),
            None => x,
        };
        x.clone() + self.feed_forward(x)
    }
}

/// Cached keys and values of earlier frames, for [`Stack::next_frame`].
#[derive(Clone, Debug)]
pub struct Past<B: Backend> {
    /// Packed rows `[b, t, s*3*inner]` of each block's temporal attention; none before frame 0.
    blocks: Vec<Tensor<B, 3>>,
}

impl<B: Backend> Past<B> {
    /// A cache without frames.
    pub fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// Number of cached frames.
    pub fn frames(&self) -> usize {
        self.blocks.first().map_or(0, |rows| rows.dims()[1])
    }
}

/// A stack of ST-blocks with a final layer norm.
#[derive(Module, Debug)]
pub struct Stack<B: Backend> {
    blocks: Vec<Block<B>>,
    norm: Norm<B>,
}

impl<B: Kernels> Stack<B> {
    /// Applies all blocks to rows: `[b*t*s, d]` to `[b*t*s, d]`.
    pub fn forward(&self, mut x: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        for block in &self.blocks {
            x = block.forward(x, grid);
        }
        self.norm.forward(x)
    }

    /// Computes the frame `[b*s, d]` that follows the frames in `past`.
    ///
    /// Returns its output `[b*s, d]`, and `past` with the frame added.
    pub fn next_frame(
        &self,
        mut x: Tensor<B, 2>,
        b: usize,
        past: &Past<B>,
    ) -> (Tensor<B, 2>, Past<B>) {
        let s = x.dims()[0] / b;
        let frame = Grid { b, t: 1, s };
        let t = past.frames() + 1;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (index, block) in self.blocks.iter().enumerate() {
            x = x.clone() + block.space.forward(x, frame, Axis::Space);
            if let Some(time) = &block.time {
                let packed = time.pack(x.clone());
                let width = packed.dims()[1];
                let packed = packed.reshape([b, 1, s * width]);
                let all = match past.blocks.get(index) {
                    Some(before) => Tensor::cat(vec![before.clone(), packed], 1),
                    None => packed,
                };
                blocks.push(all.clone());
                x = x + time.attend(
                    all.reshape([b * t * s, width]),
                    Grid { b, t, s },
                    Axis::Time,
                    1,
                );
            }
            x = x.clone() + block.feed_forward(x);
        }
        (self.norm.forward(x), Past { blocks })
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Distribution;

    use super::*;

    /// A stack with heads wider than its rows, as in some of the paper's sizes.
    fn stack() -> (Stack<Flex>, Tensor<Flex, 2>, Grid) {
        let config = StackConfig {
            layers: 2,
            d: 16,
            heads: 2,
            head_dim: 12,
            ffn_mult: 2,
            qk_norm: true,
            temporal: true,
        };
        config.check("stack").unwrap();
        let grid = Grid { b: 2, t: 5, s: 3 };
        let device = burn::backend::flex::FlexDevice;
        (
            config.init(&device),
            Tensor::random([grid.rows(), 16], Distribution::Default, &device),
            grid,
        )
    }

    /// Catches: temporal attention reads later frames, or a norm includes the frame axis.
    #[test]
    fn a_changed_frame_leaves_earlier_output_bit_identical() {
        let (stack, x, grid) = stack();
        let frame = 3;
        let mut changed = x.clone().reshape([2, 5, 3 * 16]);
        let values = changed.clone().narrow(1, frame, 1) + 1.0;
        changed = changed.slice_assign([0..2, frame..frame + 1, 0..48], values);
        let before = stack.forward(x, grid).reshape([2, 5, 48]);
        let after = stack.forward(changed.reshape([30, 16]), grid).reshape([2, 5, 48]);
        let same = |range: std::ops::Range<usize>| {
            let (a, b) =
                (before.clone().slice([0..2, range.clone()]), after.clone().slice([0..2, range]));
            a.into_data() == b.into_data()
        };
        assert!(same(0..frame), "an earlier frame changed");
        assert!(!same(frame..5), "nothing changed at all");
    }

    /// Catches: a cache drops, repeats or misplaces a frame.
    #[test]
    fn frame_by_frame_equals_all_frames_together() {
        let (stack, x, grid) = stack();
        let whole = stack.forward(x.clone(), grid).reshape([2, 5, 48]);
        let mut past = Past::new();
        for t in 0..5 {
            let frame = x.clone().reshape([2, 5, 48]).narrow(1, t, 1).reshape([6, 16]);
            let (out, longer) = stack.next_frame(frame, 2, &past);
            past = longer;
            let off =
                (out.reshape([2, 1, 48]) - whole.clone().narrow(1, t, 1)).abs().max().into_scalar();
            assert!(off < 1e-5, "frame {t} is off by {off}");
        }
    }
}
