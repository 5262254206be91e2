//! Multi-head attention over one axis of the grid.
//!
//! It is pre-normalised, with optional QK-norm [Genie §2.1; Henry et al. 2020].

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::grid::Grid;
use super::linear::{apply, fan_in, linear};
use super::norm::Norm;
use crate::Precision;
use crate::kernels::{AttentionShape, Axis, Kernels, attend};

/// Shape of an attention layer.
#[derive(Clone, Copy, Debug)]
pub struct AttentionConfig {
    /// Width of the rows.
    pub d: usize,
    /// Number of heads.
    pub heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Whether queries and keys have a layer norm.
    pub qk_norm: bool,
    /// Number of residual branches of the stack; it scales the initial output weights down.
    pub branches: usize,
}

/// `x ↦ W_o attention(norm(x))`, without the residual.
#[derive(Module, Debug)]
pub struct Attention<B: Backend> {
    norm: Norm<B>,
    qkv: Linear<B>,
    query_norm: Option<Norm<B>>,
    key_norm: Option<Norm<B>>,
    output: Linear<B>,
    heads: usize,
}

impl<B: Kernels> Attention<B> {
    /// A layer with random initial weights.
    pub fn new(config: AttentionConfig, device: &B::Device) -> Self {
        let (d, inner) = (config.d, config.heads * config.head_width);
        let head_norm = || config.qk_norm.then(|| Norm::new(config.head_width, device));
        Self {
            norm: Norm::new(d, device),
            qkv: linear(d, 3 * inner, fan_in(d), device),
            query_norm: head_norm(),
            key_norm: head_norm(),
            output: linear(inner, d, fan_in(inner) / (config.branches as f64).sqrt(), device),
            heads: config.heads,
        }
    }

    /// Queries, keys and values of rows: `[n, d]` to `[n, 3·inner]`; `inner` is heads × head width.
    pub fn pack(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let qkv = apply(&self.qkv, self.norm.forward(x));
        let (Some(query_norm), Some(key_norm)) = (&self.query_norm, &self.key_norm) else {
            return qkv;
        };
        let [rows, packed] = qkv.dims();
        let inner = packed / 3;
        let per_head = |part: Tensor<B, 2>, norm: &Norm<B>| {
            norm.forward(part.reshape([rows * self.heads, inner / self.heads]))
                .reshape([rows, inner])
        };
        let query = per_head(qkv.clone().narrow(1, 0, inner), query_norm);
        let key = per_head(qkv.clone().narrow(1, inner, inner), key_norm);
        Tensor::cat(vec![query, key, qkv.narrow(1, 2 * inner, inner)], 1)
    }

    /// Attention of packed rows: `[b*t*s, 3·inner]` to `[b*queries*s, d]`.
    ///
    /// Only the last `queries` frames of the grid have queries.
    pub fn attend(
        &self,
        qkv: Tensor<B, 2>,
        grid: Grid,
        axis: Axis,
        queries: usize,
    ) -> Tensor<B, 2> {
        let precision = Precision::of(&self.output.weight.val());
        let Grid { b, t, s } = grid;
        let shape = AttentionShape { b, t, s, heads: self.heads, axis, queries, precision };
        apply(&self.output, attend(qkv, shape))
    }

    /// Attention of rows: `[b*t*s, d]` to `[b*t*s, d]`.
    pub fn forward(&self, x: Tensor<B, 2>, grid: Grid, axis: Axis) -> Tensor<B, 2> {
        self.attend(self.pack(x), grid, axis, grid.t)
    }
}
