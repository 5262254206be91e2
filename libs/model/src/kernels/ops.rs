//! The kernels as functions of tensors.

use burn::tensor::Tensor;

use super::backend::Kernels;
use super::convert::{primitive, tensor};
use super::shapes::{AttentionShape, UnfoldShape};

/// Layer norm of rows `[n, d]`, with scale `gamma` `[d]` and shift `beta` `[d]`.
pub fn norm<B: Kernels>(x: Tensor<B, 2>, gamma: Tensor<B, 1>, beta: Tensor<B, 1>) -> Tensor<B, 2> {
    tensor(B::norm(primitive(x), primitive(gamma), primitive(beta)))
}

/// A linear layer of rows `[n, k]`: `x·weight + bias`, with `weight` `[k, m]` and `bias` `[m]`.
pub fn dense<B: Kernels>(
    x: Tensor<B, 2>,
    weight: Tensor<B, 2>,
    bias: Tensor<B, 1>,
) -> Tensor<B, 2> {
    tensor(B::dense(primitive(x), primitive(weight), primitive(bias)))
}

/// Logarithm of the softmax of each row of `x` `[n, d]`.
pub fn log_softmax<B: Kernels>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    tensor(B::log_softmax_forward(primitive(x)))
}

/// Exact GELU of rows `[n, d]`.
pub fn gelu<B: Kernels>(x: Tensor<B, 2>) -> Tensor<B, 2> {
    tensor(B::gelu_forward(primitive(x)))
}

/// Attention over packed rows: `[b*t*s, 3d]` to `[b*queries*s, d]`; see [`Kernels::attend`].
///
/// # Panics
/// If the rows or their width do not match `shape`.
pub fn attend<B: Kernels>(qkv: Tensor<B, 2>, shape: AttentionShape) -> Tensor<B, 2> {
    let [rows, packed] = qkv.dims();
    assert_eq!(rows, shape.b * shape.t * shape.s, "attention rows do not match {shape:?}");
    assert_eq!(
        packed % (3 * shape.heads),
        0,
        "attention width {packed} is not 3 × heads × head dim"
    );
    tensor(B::attend(primitive(qkv), shape))
}

/// Neighbourhoods of pixels `[images*height*width, c]`, row-major; see [`Kernels::unfold`].
///
/// # Panics
/// If the rows do not match `shape`, or its side is even.
pub fn unfold<B: Kernels>(x: Tensor<B, 2>, shape: UnfoldShape) -> Tensor<B, 2> {
    assert_eq!(
        x.dims()[0],
        shape.images * shape.height * shape.width,
        "rows do not match {shape:?}"
    );
    assert!(shape.side % 2 == 1, "the side of {shape:?} must be odd");
    tensor(B::unfold(primitive(x), shape))
}
