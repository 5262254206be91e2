//! Fused kernels of the CPU backend (burn-flex).
//!
//! Each kernel is one pass over the rows, parallel over rows or sequences, without permuted copies.
//! The chunks have a fixed size, so results do not depend on the number of threads.

mod attention;
mod dense;
mod gelu;
mod log_softmax;
mod norm;
mod rows;
mod simd;
mod unfold;
mod zeros;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{TensorData, TensorMetadata};

use self::dense::SMALLEST_SIDE;
use self::gelu::{Gelu, GeluGrad};
use self::log_softmax::{LogSoftmax, LogSoftmaxGrad};
use self::norm::{NormBackward, NormForward};
use self::rows::{RowSlice, in_chunks, sum_in_order};
use self::zeros::zeros;
use super::backend::Kernels;
use super::compose;
use super::shapes::{AttentionShape, UnfoldShape};
use crate::Precision;

/// Rows of one parallel task.
const CHUNK_ROWS: usize = 128;
/// Values of one parallel task, if each value is computed alone.
const CHUNK_VALUES: usize = 1 << 15;

/// The values of a tensor, contiguous in memory.
struct Values(FlexTensor);

impl Values {
    fn new(tensor: FlexTensor) -> Self {
        Self(if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() })
    }

    fn slice(&self) -> &[f32] {
        self.0.as_slice().expect("made contiguous above")
    }

    fn rows(&self, width: usize) -> RowSlice<'_> {
        RowSlice { values: self.slice(), width }
    }
}

fn output(values: Vec<f32>, shape: impl Into<Vec<usize>>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.into()))
}

impl Kernels for Flex {
    fn norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shape = x.shape();
        let d = shape[1];
        let (x, gamma, beta) = (Values::new(x), Values::new(gamma), Values::new(beta));
        let (gamma, beta) = (gamma.slice(), beta.slice());
        let norm = |[x]: [&[f32]; 1], y: &mut [f32]| simd::run(NormForward { x, gamma, beta, y });
        output(in_chunks(CHUNK_ROWS, [x.rows(d)], d, norm).0, [shape[0], d])
    }

    fn norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = x.shape();
        let d = shape[1];
        let (x, gamma, grad) = (Values::new(x), Values::new(gamma), Values::new(grad));
        let gamma = gamma.slice();
        let backward = |[x, grad]: [&[f32]; 2], dx: &mut [f32]| {
            let mut sums = vec![0.0; 2 * d];
            simd::run(NormBackward { x, gamma, grad, dx, sums: &mut sums });
            sums
        };
        let (dx, partial) = in_chunks(CHUNK_ROWS, [x.rows(d), grad.rows(d)], d, backward);
        let mut totals = sum_in_order(partial, 2 * d);
        let dbeta = totals.split_off(d);
        (output(dx, [shape[0], d]), output(totals, [d]), output(dbeta, [d]))
    }

    fn dense(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (n, [k, m]) = (x.shape()[0], weight.shape().dims());
        if k.min(m) < SMALLEST_SIDE {
            return compose::dense::<Self>(x, weight, bias);
        }
        let (x, weight, bias) = (Values::new(x), Values::new(weight), Values::new(bias));
        output(dense::forward(x.slice(), weight.slice(), bias.slice()), [n, m])
    }

    fn dense_grad_x(weight: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let (n, [k, m]) = (grad.shape()[0], weight.shape().dims());
        if k.min(m) < SMALLEST_SIDE {
            return compose::dense_grad_x::<Self>(weight, grad);
        }
        let (weight, grad) = (Values::new(weight), Values::new(grad));
        output(dense::grad_x(weight.slice(), grad.slice(), k), [n, k])
    }

    fn dense_grad_weights(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (k, m) = (x.shape()[1], grad.shape()[1]);
        if k.min(m) < SMALLEST_SIDE {
            return compose::dense_grad_weights::<Self>(x, grad);
        }
        let (x, grad) = (Values::new(x), Values::new(grad));
        let (weight, bias) = dense::grad_weights(x.slice(), grad.slice(), k, m);
        (output(weight, [k, m]), output(bias, [m]))
    }

    fn log_softmax_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let d = shape[1];
        let x = Values::new(x);
        let softmax = |[x]: [&[f32]; 1], y: &mut [f32]| simd::run(LogSoftmax { x, y, d });
        output(in_chunks(CHUNK_ROWS, [x.rows(d)], d, softmax).0, [shape[0], d])
    }

    fn log_softmax_grad(y: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = y.shape();
        let d = shape[1];
        let (y, grad) = (Values::new(y), Values::new(grad));
        let backward =
            |[y, grad]: [&[f32]; 2], dx: &mut [f32]| simd::run(LogSoftmaxGrad { y, grad, dx, d });
        output(in_chunks(CHUNK_ROWS, [y.rows(d), grad.rows(d)], d, backward).0, [shape[0], d])
    }

    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let x = Values::new(x);
        let gelu = |[x]: [&[f32]; 1], y: &mut [f32]| simd::run(Gelu { x, y });
        output(in_chunks(CHUNK_VALUES, [x.rows(1)], 1, gelu).0, shape.to_vec())
    }

    fn gelu_grad(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let (x, grad) = (Values::new(x), Values::new(grad));
        let backward = |[x, grad]: [&[f32]; 2], dx: &mut [f32]| simd::run(GeluGrad { x, grad, dx });
        output(in_chunks(CHUNK_VALUES, [x.rows(1), grad.rows(1)], 1, backward).0, shape.to_vec())
    }

    fn attend(qkv: FloatTensor<Self>, shape: AttentionShape) -> FloatTensor<Self> {
        if shape.precision != Precision::F32 {
            return compose::attend::<Self>(qkv, shape);
        }
        let d = qkv.shape()[1] / 3;
        let qkv = Values::new(qkv);
        let mut out = zeros(shape.b * shape.queries * shape.s * d);
        attention::forward(qkv.slice(), &mut out, shape, d);
        output(out, [shape.b * shape.queries * shape.s, d])
    }

    fn attend_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> FloatTensor<Self> {
        if shape.precision != Precision::F32 {
            return compose::attend_backward::<Self>(qkv, grad, shape);
        }
        let d = qkv.shape()[1] / 3;
        let (qkv, grad) = (Values::new(qkv), Values::new(grad));
        let mut out = zeros(qkv.slice().len());
        attention::backward(qkv.slice(), grad.slice(), &mut out, shape, d);
        output(out, [shape.b * shape.t * shape.s, 3 * d])
    }

    fn unfold(x: FloatTensor<Self>, shape: UnfoldShape) -> FloatTensor<Self> {
        let c = x.shape()[1];
        let values = unfold::forward(Values::new(x).slice(), shape, c);
        let each = shape.side * shape.side * c;
        let outputs = values.len() / each;
        output(values, [outputs, each])
    }

    fn unfold_backward(grad: FloatTensor<Self>, shape: UnfoldShape) -> FloatTensor<Self> {
        let c = grad.shape()[1] / (shape.side * shape.side);
        output(
            unfold::backward(Values::new(grad).slice(), shape, c),
            [shape.images * shape.height * shape.width, c],
        )
    }
}
