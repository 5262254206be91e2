//! The equations of the kernels in Burn's own tensor operations.
//!
//! They are the definition: the tests compare every fused version with them. Backends without a
//! fused version use them. No graph is recorded here: the gradients are written out.

use burn::tensor::activation;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Bool, Slice, Tensor, s};

use super::convert::{primitive, tensor};
use super::shapes::{AttentionShape, Axis, EPSILON, UnfoldShape};

/// Normalised rows `[n, d]` and their inverse standard deviation `[n, 1]`.
fn normalise<B: Backend>(x: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let centred = x.clone() - x.mean_dim(1);
    let variance = (centred.clone() * centred.clone()).mean_dim(1);
    let inverse = variance.add_scalar(EPSILON).sqrt().recip();
    (centred * inverse.clone(), inverse)
}

pub fn norm<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
) -> FloatTensor<B> {
    let (normal, _) = normalise::<B>(tensor(x));
    let gamma: Tensor<B, 1> = tensor(gamma);
    let beta: Tensor<B, 1> = tensor(beta);
    primitive(normal * gamma.unsqueeze() + beta.unsqueeze())
}

pub fn norm_backward<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let (normal, inverse) = normalise::<B>(tensor(x));
    let grad: Tensor<B, 2> = tensor(grad);
    let gamma: Tensor<B, 1> = tensor(gamma);
    let dbeta: Tensor<B, 1> = grad.clone().sum_dim(0).squeeze_dim(0);
    let dgamma: Tensor<B, 1> = (grad.clone() * normal.clone()).sum_dim(0).squeeze_dim(0);
    let scaled = grad * gamma.unsqueeze();
    let dx = (scaled.clone()
        - scaled.clone().mean_dim(1)
        - normal.clone() * (scaled * normal).mean_dim(1))
        * inverse;
    (primitive(dx), primitive(dgamma), primitive(dbeta))
}

pub fn dense<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
) -> FloatTensor<B> {
    B::linear(x, weight, Some(bias))
}

pub fn dense_grad_x<B: Backend>(weight: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    B::linear_x_backward(weight, grad)
}

pub fn dense_grad_weights<B: Backend>(
    x: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    (B::linear_weight_backward(x, grad.clone()), B::linear_bias_backward(grad))
}

pub fn log_softmax<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    primitive(activation::log_softmax(tensor::<B, 2>(x), 1))
}

pub fn log_softmax_grad<B: Backend>(y: FloatTensor<B>, grad: FloatTensor<B>) -> FloatTensor<B> {
    let (y, grad): (Tensor<B, 2>, Tensor<B, 2>) = (tensor(y), tensor(grad));
    primitive(grad.clone() - y.exp() * grad.sum_dim(1))
}

/// Splits rows `[b*t*s, 3d]` into queries, keys and values `[sequences, heads, length, head dim]`.
fn unpack<B: Backend>(qkv: Tensor<B, 2>, shape: AttentionShape) -> [Tensor<B, 4>; 3] {
    let AttentionShape { b, t, s, heads, axis, .. } = shape;
    let dh = qkv.dims()[1] / (3 * heads);
    let packed = qkv.reshape([b, t, s, 3, heads, dh]);
    let ordered: Tensor<B, 5> = match axis {
        Axis::Space => packed.permute([3, 0, 1, 4, 2, 5]).reshape([3, b * t, heads, s, dh]),
        Axis::Time => packed.permute([3, 0, 2, 4, 1, 5]).reshape([3, b * s, heads, t, dh]),
    };
    let mut parts = ordered.chunk(3, 0).into_iter().map(|part| part.squeeze_dim::<4>(0));
    std::array::from_fn(|_| parts.next().expect("three parts were packed"))
}

/// Turns `[sequences, heads, length, head dim]` back into rows `[b*frames*s, d]`.
fn pack_rows<B: Backend>(x: Tensor<B, 4>, shape: AttentionShape, frames: usize) -> Tensor<B, 2> {
    let AttentionShape { b, s, heads, axis, .. } = shape;
    let dh = x.dims()[3];
    let ordered: Tensor<B, 5> = match axis {
        Axis::Space => x.reshape([b, frames, heads, s, dh]).permute([0, 1, 3, 2, 4]),
        Axis::Time => x.reshape([b, s, heads, frames, dh]).permute([0, 3, 1, 2, 4]),
    };
    ordered.reshape([b * frames * s, heads * dh])
}

/// Attention weights `[sequences, heads, queries, keys]`.
fn weights<B: Backend>(q: Tensor<B, 4>, k: Tensor<B, 4>, shape: AttentionShape) -> Tensor<B, 4> {
    let [_, _, queries, dh] = q.dims();
    let keys = k.dims()[2];
    let device = q.device();
    let mut scores =
        shape.precision.matmul(q, k.swap_dims(2, 3)).mul_scalar(1.0 / (dh as f32).sqrt());
    if shape.causal() {
        let hidden: Tensor<B, 2, Bool> =
            Tensor::<B, 2, Bool>::tril_mask([queries, keys], (keys - queries) as i64, &device);
        let [groups, heads, ..] = scores.dims();
        let hidden = hidden.unsqueeze::<4>().expand([groups, heads, queries, keys]);
        scores = scores.mask_fill(hidden, f32::NEG_INFINITY);
    }
    softmax(scores, 3)
}

pub fn attend<B: Backend>(qkv: FloatTensor<B>, shape: AttentionShape) -> FloatTensor<B> {
    let [q, k, v] = unpack::<B>(tensor(qkv), shape);
    let matmul = |a, b| shape.precision.matmul(a, b);
    match shape.axis {
        Axis::Time => {
            let q = q.narrow(2, shape.t - shape.queries, shape.queries);
            primitive(pack_rows(matmul(weights(q, k, shape), v), shape, shape.queries))
        }
        Axis::Space => {
            let out = pack_rows(matmul(weights(q, k, shape), v), shape, shape.t);
            let d = out.dims()[1];
            let kept = out.reshape([shape.b, shape.t, shape.s, d]).narrow(
                1,
                shape.t - shape.queries,
                shape.queries,
            );
            primitive(kept.reshape([shape.b * shape.queries * shape.s, d]))
        }
    }
}

pub fn attend_backward<B: Backend>(
    qkv: FloatTensor<B>,
    grad: FloatTensor<B>,
    shape: AttentionShape,
) -> FloatTensor<B> {
    let grad: Tensor<B, 2> = tensor(grad);
    let AttentionShape { b, t, s, heads, axis, .. } = shape;
    let d = grad.dims()[1];
    let dh = d / heads;
    let grad: Tensor<B, 4> = match axis {
        Axis::Space => grad.reshape([b, t, s, heads, dh]).permute([0, 1, 3, 2, 4]).reshape([
            b * t,
            heads,
            s,
            dh,
        ]),
        Axis::Time => grad.reshape([b, t, s, heads, dh]).permute([0, 2, 3, 1, 4]).reshape([
            b * s,
            heads,
            t,
            dh,
        ]),
    };
    let [q, k, v] = unpack::<B>(tensor(qkv), shape);
    let matmul = |a, b| shape.precision.matmul(a, b);
    let p = weights(q.clone(), k.clone(), shape);
    let dv = matmul(p.clone().swap_dims(2, 3), grad.clone());
    let dp = matmul(grad, v.swap_dims(2, 3));
    let ds = (dp.clone() - (dp * p.clone()).sum_dim(3)) * p * (1.0 / (dh as f32).sqrt());
    let dq = matmul(ds.clone(), k);
    let dk = matmul(ds.swap_dims(2, 3), q);
    let parts = [dq, dk, dv].map(|part| pack_rows(part, shape, t));
    primitive(Tensor::cat(parts.to_vec(), 1))
}

/// One slice of the padded images for each pixel of a neighbourhood, in row-major order.
///
/// The padded images are `[images, height + 2·reach, width + 2·reach, c]`. The slice for a pixel
/// holds that pixel of every neighbourhood.
fn offsets(shape: UnfoldShape) -> impl Iterator<Item = [Slice; 4]> {
    let UnfoldShape { side, stride, .. } = shape;
    let (rows, columns) = shape.outputs();
    let every = move |first: usize, count: usize| {
        Slice::new(
            first as isize,
            Some((first + stride * (count - 1) + 1) as isize),
            stride as isize,
        )
    };
    let all = Slice::full();
    (0..side * side)
        .map(move |offset| [all, every(offset / side, rows), every(offset % side, columns), all])
}

pub fn unfold<B: Backend>(x: FloatTensor<B>, shape: UnfoldShape) -> FloatTensor<B> {
    let x: Tensor<B, 2> = tensor(x);
    let UnfoldShape { images, height, width, side, .. } = shape;
    let (c, reach, (rows, columns)) = (x.dims()[1], side / 2, shape.outputs());
    let padded = Tensor::zeros([images, height + 2 * reach, width + 2 * reach, c], &x.device())
        .slice_assign(
            s![.., reach..reach + height, reach..reach + width, ..],
            x.reshape([images, height, width, c]),
        );
    let parts = offsets(shape).map(|offset| padded.clone().slice(offset)).collect();
    primitive(Tensor::cat(parts, 3).reshape([images * rows * columns, side * side * c]))
}

pub fn unfold_backward<B: Backend>(grad: FloatTensor<B>, shape: UnfoldShape) -> FloatTensor<B> {
    let grad: Tensor<B, 2> = tensor(grad);
    let UnfoldShape { images, height, width, side, .. } = shape;
    let (reach, (rows, columns)) = (side / 2, shape.outputs());
    let c = grad.dims()[1] / (side * side);
    let mut sums =
        Tensor::zeros([images, height + 2 * reach, width + 2 * reach, c], &grad.device());
    let grad = grad.reshape([images, rows, columns, side * side * c]);
    for (offset, part) in offsets(shape).zip(grad.split(c, 3)) {
        let sum = sums.clone().slice(offset) + part;
        sums = sums.slice_assign(offset, sum);
    }
    let inside: Tensor<B, 4> = sums.slice(s![.., reach..reach + height, reach..reach + width, ..]);
    primitive(inside.reshape([images * height * width, c]))
}
