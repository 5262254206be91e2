//! Multi-head attention over one axis of the grid, pre-normalised, with optional QK-norm [Genie §2.1; Henry et al. 2020].

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::{Grid, Norm, StackConfig, apply, fan_in, linear};
use crate::Precision;
use crate::kernels::{Attend, Axis, Kernels, attend};

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
    /// The number of residual branches in the stack scales the output's initial weights down.
    pub fn new(config: &StackConfig, device: &B::Device) -> Self {
        let (d, inner) = (config.d, config.inner());
        let head_norm = || config.qk_norm.then(|| Norm::new(config.head_width(), device));
        Self {
            norm: Norm::new(d, device),
            qkv: linear(d, 3 * inner, fan_in(d), device),
            query_norm: head_norm(),
            key_norm: head_norm(),
            output: linear(inner, d, fan_in(inner) / (config.branches() as f64).sqrt(), device),
            heads: config.heads,
        }
    }

    /// Packed queries, keys and values of rows `[n, d]`: `[n, 3·inner]`, where `inner` is heads × head dim.
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

    /// Attention of packed rows; only the last `queries` frames of the grid ask. `[b*t*s, 3·inner]` to `[b*queries*s, d]`.
    pub fn mix(&self, qkv: Tensor<B, 2>, grid: Grid, axis: Axis, queries: usize) -> Tensor<B, 2> {
        let precision = Precision::of(&self.output.weight.val());
        let shape =
            Attend { b: grid.b, t: grid.t, s: grid.s, heads: self.heads, axis, queries, precision };
        apply(&self.output, attend(qkv, shape))
    }

    /// `[b*t*s, d]` to `[b*t*s, d]`.
    pub fn forward(&self, x: Tensor<B, 2>, grid: Grid, axis: Axis) -> Tensor<B, 2> {
        self.mix(self.pack(x), grid, axis, grid.t)
    }
}
