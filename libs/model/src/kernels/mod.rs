//! The operations that a model spends its memory traffic in, as single differentiable kernels.
//!
//! Burn's autodiff composes layer norm, GELU and attention from elementwise operations: each pass over the activations
//! is stored for the backward pass, and spatial and temporal attention cost four strided copies each. Here each is one node
//! of the graph that keeps its input only and recomputes the rest. [`compose`] holds the equations in terms of Burn tensors (used on CUDA, and
//! as the reference in tests); [`cpu`] holds the fused loops of the CPU backend.
//!
//! Layout: activations are rows `[b*t*s, d]`, row-major in (batch, frame, position). Attention reads packed `[rows, 3d]` queries, keys
//! and values and needs no permutation for either axis.

#![allow(
    clippy::inline_always,
    reason = "a loop is compiled for an instruction set only where it is inlined into pulp's dispatch"
)]

mod around;
mod autodiff;
pub(crate) mod compose;
mod cpu;
mod simd;

use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Tensor, TensorPrimitive};

use crate::Precision;

/// Which positions attend to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Within a frame: every position sees the positions of its own frame.
    Space,
    /// Across frames: every position sees itself in its own and in earlier frames (causal).
    Time,
}

/// How the rows of a packed `[b*t*s, 3d]` tensor form attention sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attend {
    /// Batch size.
    pub b: usize,
    /// Frames.
    pub t: usize,
    /// Positions a frame.
    pub s: usize,
    /// Attention heads; `d` must be a multiple of it.
    pub heads: usize,
    /// The axis attended over.
    pub axis: Axis,
    /// Only the last `queries` frames ask (and have an output); earlier frames serve as cached keys and values.
    /// Equal to `t` in training.
    pub queries: usize,
    /// In which numbers queries, keys, weights and values are multiplied.
    pub precision: Precision,
}

impl Attend {
    fn causal(&self) -> bool {
        self.axis == Axis::Time
    }
}

/// Square neighbourhoods of places in pictures: what a convolution multiplies with its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    /// Pictures.
    pub pictures: usize,
    /// Rows of a picture.
    pub height: usize,
    /// Columns of a picture.
    pub width: usize,
    /// Side of a neighbourhood; odd, the place itself in the middle.
    pub side: usize,
    /// Every how many rows and columns there is a neighbourhood, from the first on.
    pub stride: usize,
}

impl Around {
    /// Rows and columns of places that have a neighbourhood.
    pub fn places(&self) -> (usize, usize) {
        (self.height.div_ceil(self.stride), self.width.div_ceil(self.stride))
    }
}

/// Layer norm's ε.
pub(crate) const EPSILON: f32 = 1e-5;

/// The fused operations. The defaults are the composed ones; a backend overrides what it does better.
pub trait Kernels: Backend {
    /// Layer norm over the last dimension of `x` `[n, d]`, scaled by `gamma` `[d]` and shifted by `beta` `[d]`.
    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        compose::norm::<Self>(x, gamma, beta)
    }

    /// Gradients of [`Kernels::norm`]: `(dx, dgamma, dbeta)`.
    fn norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        compose::norm_backward::<Self>(x, gamma, grad)
    }

    /// Exact GELU, x·Φ(x).
    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu(x)
    }

    /// Gradient of [`Kernels::gelu_forward`].
    fn gelu_grad(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::gelu_backward(x, grad)
    }

    /// Scaled dot-product attention of packed queries, keys and values `[b*t*s, 3d]`; returns `[b*queries*s, d]`.
    fn attend(qkv: FloatTensor<Self>, shape: Attend) -> FloatTensor<Self> {
        compose::attend::<Self>(qkv, shape)
    }

    /// Gradient of [`Kernels::attend`] with respect to `qkv`, for `shape.queries == shape.t`.
    fn attend_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: Attend,
    ) -> FloatTensor<Self> {
        compose::attend_backward::<Self>(qkv, grad, shape)
    }

    /// Neighbourhoods of rows `[pictures*height*width, c]`, as `[places, side*side*c]`; zero beyond the edge.
    fn around(x: FloatTensor<Self>, shape: Around) -> FloatTensor<Self> {
        compose::around::<Self>(x, shape)
    }

    /// Gradient of [`Kernels::around`].
    fn around_backward(grad: FloatTensor<Self>, shape: Around) -> FloatTensor<Self> {
        compose::around_backward::<Self>(grad, shape)
    }
}

#[cfg(feature = "cuda")]
impl Kernels for burn_cuda::Cuda<f32> {}

fn primitive<B: Backend, const D: usize>(x: Tensor<B, D>) -> FloatTensor<B> {
    x.into_primitive().tensor()
}

fn tensor<B: Backend, const D: usize>(x: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(x))
}

/// Layer norm of rows `[n, d]`.
pub fn norm<B: Kernels>(x: Tensor<B, 2>, gamma: Tensor<B, 1>, beta: Tensor<B, 1>) -> Tensor<B, 2> {
    tensor(B::norm(primitive(x), primitive(gamma), primitive(beta)))
}

/// Exact GELU of rows `[n, d]`.
pub fn gelu<B: Kernels>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    tensor(B::gelu_forward(primitive(x)))
}

/// Attention over packed rows `[b*t*s, 3d]`; see [`Kernels::attend`].
pub fn attend<B: Kernels>(qkv: Tensor<B, 2>, shape: Attend) -> Tensor<B, 2> {
    let [rows, packed] = qkv.dims();
    assert_eq!(rows, shape.b * shape.t * shape.s, "attention rows do not match {shape:?}");
    assert_eq!(
        packed % (3 * shape.heads),
        0,
        "attention width {packed} is not 3 × heads × head dim"
    );
    tensor(B::attend(primitive(qkv), shape))
}

/// Neighbourhoods of rows `[pictures*height*width, c]`, in order of rows and columns; see [`Kernels::around`].
pub fn around<B: Kernels>(x: Tensor<B, 2>, shape: Around) -> Tensor<B, 2> {
    assert_eq!(
        x.dims()[0],
        shape.pictures * shape.height * shape.width,
        "rows do not match {shape:?}"
    );
    assert!(shape.side % 2 == 1, "{shape:?} has no middle");
    tensor(B::around(primitive(x), shape))
}

#[cfg(test)]
mod tests;
