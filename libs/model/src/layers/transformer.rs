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

use std::sync::Arc;

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
use super::past::Past;
use super::positions::Positions;
use crate::ModelError;
use crate::kernels::{Axis, Kernels, gelu};
use crate::recompute;

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

/// A stack of ST-blocks with a final layer norm.
#[derive(Module, Debug)]
pub struct Stack<B: Backend> {
    blocks: Vec<Block<B>>,
    norm: Norm<B>,
}

impl<B: Kernels> Stack<B> {
    /// Applies all blocks to rows: `[b*t*s, d]` to `[b*t*s, d]`.
    pub fn forward(&self, x: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        let block = move |block: &Block<B>, x| block.forward(x, grid);
        self.norm.forward(recompute::through(&self.blocks, x, block))
    }

    /// Computes the frames that follow some sequences: rows `[b*s, d]` to `[b*s, d]`.
    ///
    /// The sequences of `pasts` come one after the other, and have `b` rows together. Caches may
    /// have different lengths. Also returns the caches with the frame added. The result of a
    /// sequence does not depend on the other sequences.
    pub fn next_frame(
        &self,
        mut x: Tensor<B, 2>,
        pasts: &[Arc<Past<B>>],
    ) -> (Tensor<B, 2>, Vec<Past<B>>) {
        let b = pasts.iter().map(|past| past.batch()).sum();
        let s = x.dims()[0] / b;
        let frame = Grid { b, t: 1, s };
        let mut longer: Vec<Past<B>> = pasts.iter().map(|past| past.longer()).collect();
        for (index, block) in self.blocks.iter().enumerate() {
            x = x.clone() + block.space.forward(x, frame, Axis::Space);
            if let Some(time) = &block.time {
                let packed = time.pack(x.clone());
                let width = packed.dims()[1];
                let mut first = 0;
                let attended = pasts.iter().zip(&mut longer).map(|(past, longer)| {
                    let (b, t) = (past.batch(), longer.frames());
                    let own = packed.clone().narrow(0, first, b * s).reshape([b, 1, s * width]);
                    first += b * s;
                    let all = past.followed_by(index, own);
                    longer.push(all.clone());
                    let rows = all.reshape([b * t * s, width]);
                    time.attend(rows, Grid { b, t, s }, Axis::Time, 1)
                });
                x = x + Tensor::cat(attended.collect(), 0);
            }
            x = x.clone() + block.feed_forward(x);
        }
        (self.norm.forward(x), longer)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::tensor::Distribution;

    use super::*;
    use crate::layers::past::PastRow;

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
        let mut past = Past::new(2);
        for t in 0..5 {
            let frame = x.clone().reshape([2, 5, 48]).narrow(1, t, 1).reshape([6, 16]);
            let (out, mut longer) = stack.next_frame(frame, &[Arc::new(past)]);
            past = longer.remove(0);
            let off =
                (out.reshape([2, 1, 48]) - whole.clone().narrow(1, t, 1)).abs().max().into_scalar();
            assert!(off < 1e-5, "frame {t} is off by {off}");
        }
    }

    /// Catches: a sequence's output depends on how many others are in the batch, or how long they
    /// are; rows are mixed up when sequences join and part.
    #[test]
    fn a_sequence_does_not_depend_on_the_others_in_its_step() {
        let (stack, x, _) = stack();
        let frame = |b: usize, t: usize| {
            x.clone().reshape([2, 5, 48]).slice([b..b + 1, t..t + 1]).reshape([3, 16])
        };
        let alone = |b: usize| {
            let mut row = PastRow::new();
            let step = |t| {
                let (out, longer) = stack.next_frame(frame(b, t), &PastRow::gather(&[&row]));
                row = longer.into_iter().flat_map(Past::into_rows).next().unwrap();
                out.into_data()
            };
            (0..5).map(step).collect::<Vec<_>>()
        };
        // The second sequence starts two frames later, and the order in the batch changes.
        let mut rows = [PastRow::new(), PastRow::new()];
        let expected = [alone(0), alone(1)];
        for t in 0..5_usize {
            let late = t.checked_sub(2);
            let mut order = vec![0];
            order.extend(late.map(|_| 1));
            if t % 2 == 0 {
                order.reverse();
            }
            let frames = order.iter().map(|b| frame(*b, if *b == 0 { t } else { t - 2 }));
            let pasts: Vec<&PastRow<Flex>> = order.iter().map(|b| &rows[*b]).collect();
            let (out, longer) =
                stack.next_frame(Tensor::cat(frames.collect(), 0), &PastRow::gather(&pasts));
            let longer: Vec<PastRow<Flex>> = longer.into_iter().flat_map(Past::into_rows).collect();
            for (i, b) in order.iter().enumerate() {
                let own = out.clone().narrow(0, i * 3, 3).into_data();
                assert_eq!(own, expected[*b][if *b == 0 { t } else { t - 2 }], "{b} at {t}");
                rows[*b] = longer[i].clone();
            }
        }
    }
}
