//! The ST-transformer [Genie §2.1]: blocks of spatial attention, causal temporal attention and one feed-forward layer, each
//! pre-normalised with a residual. Cost is linear in frames but for the small temporal attention.
//!
//! Guarantee: output of frame t depends on frames up to t only. [`Stack::next_frame`] computes one more frame from cached keys and values, equal to
//! [`Stack::forward`] over all frames.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::{Attention, Grid, Norm, Positions, apply, fan_in, linear};
use crate::ModelError;
use crate::kernels::{Axis, Kernels, gelu};

/// The shape of a stack of ST-blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackConfig {
    /// Blocks.
    pub layers: usize,
    /// Width.
    pub d: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of a head (the paper's k/q size); 0: the width divided by the heads.
    #[serde(default)]
    pub head_dim: usize,
    /// Hidden width of the feed-forward layer, in widths.
    pub ffn_mult: usize,
    /// Layer norm on queries and keys.
    pub qk_norm: bool,
    /// Whether blocks look back in time; without, every frame stands alone.
    pub temporal: bool,
}

impl StackConfig {
    /// # Errors
    /// If the width is not a multiple of the heads where they have no width of their own, or anything else is zero.
    pub fn check(&self, section: &str) -> Result<(), ModelError> {
        if self.layers == 0
            || self.heads == 0
            || self.ffn_mult == 0
            || self.d == 0
            || (self.head_dim == 0 && !self.d.is_multiple_of(self.heads))
        {
            return Err(ModelError::Config(format!(
                "[{section}] layers, d, heads and ffn_mult must be at least 1, and d a multiple of heads or head_dim given: {self:?}"
            )));
        }
        Ok(())
    }

    /// Width of a head.
    pub fn head_width(&self) -> usize {
        if self.head_dim == 0 { self.d / self.heads } else { self.head_dim }
    }

    /// Width of all heads together, which is that of queries, of keys and of values.
    pub fn inner(&self) -> usize {
        self.heads * self.head_width()
    }

    /// Residual branches.
    pub fn branches(&self) -> usize {
        self.layers * if self.temporal { 3 } else { 2 }
    }

    /// Positions for this stack's rows: up to `frames` frames of `lead` positions and a picture of rows and columns.
    pub fn positions<B: Backend>(
        &self,
        frames: usize,
        lead: usize,
        picture: (usize, usize),
        device: &B::Device,
    ) -> Positions<B> {
        Positions::new(if self.temporal { frames } else { 1 }, lead, picture, self.d, device)
    }

    /// # Panics
    /// Where [`StackConfig::check`] fails.
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
        let attention = || Attention::new(config, device);
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

/// Keys and values of the frames so far, for [`Stack::next_frame`].
#[derive(Clone, Debug)]
pub struct Past<B: Backend> {
    /// Packed rows `[b, t, s*3·inner]` of each block's temporal attention; empty before the first frame.
    blocks: Vec<Tensor<B, 3>>,
}

impl<B: Backend> Past<B> {
    /// No frames yet.
    pub fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// Frames held.
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
    /// Rows `[b*t*s, d]` to `[b*t*s, d]`.
    pub fn forward(&self, mut x: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        for block in &self.blocks {
            x = block.forward(x, grid);
        }
        self.norm.forward(x)
    }

    /// One more frame `[b*s, d]` after those in `past`. Returns its output and `past` with the frame added.
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
                x = x + time.mix(all.reshape([b * t * s, width]), Grid { b, t, s }, Axis::Time, 1);
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

    /// Heads wider than the stack, as in some of the paper's sizes.
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

    /// Catches: temporal attention that looks ahead, or a norm over the frame axis.
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

    /// Catches: a cache that drops, repeats or misplaces a frame.
    #[test]
    fn frame_by_frame_equals_all_at_once() {
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
