//! Fused kernels of the CPU backend (burn-flex).
//!
//! Each kernel is one pass over the rows, parallel over rows or sequences, without permuted copies.
//! The chunks have a fixed size, so results do not depend on the number of threads.

mod attention;
mod gelu;
mod norm;
mod simd;
mod unfold;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{TensorData, TensorMetadata};
use rayon::prelude::*;

use self::gelu::{Gelu, GeluGrad};
use self::norm::{NormBackward, NormForward};
use super::backend::Kernels;
use super::compose;
use super::shapes::{AttentionShape, UnfoldShape};
use crate::Precision;

/// Rows of one parallel task.
const CHUNK_ROWS: usize = 128;

/// The values of a tensor, contiguous in memory.
struct Values(FlexTensor);

impl Values {
    fn new(tensor: FlexTensor) -> Self {
        Self(if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() })
    }

    fn slice(&self) -> &[f32] {
        self.0.as_slice().expect("made contiguous above")
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
        let mut y = vec![0.0; shape[0] * d];
        y.par_chunks_mut(CHUNK_ROWS * d).zip(x.slice().par_chunks(CHUNK_ROWS * d)).for_each(
            |(y, x)| {
                simd::run(NormForward { x, gamma: gamma.slice(), beta: beta.slice(), y });
            },
        );
        output(y, [shape[0], d])
    }

    fn norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = x.shape();
        let d = shape[1];
        let (x, gamma, grad) = (Values::new(x), Values::new(gamma), Values::new(grad));
        let mut dx = vec![0.0; shape[0] * d];
        // One partial sum per chunk. They are added in order below, so the result does not depend
        // on the number of threads.
        let partial: Vec<Vec<f32>> = dx
            .par_chunks_mut(CHUNK_ROWS * d)
            .zip(x.slice().par_chunks(CHUNK_ROWS * d))
            .zip(grad.slice().par_chunks(CHUNK_ROWS * d))
            .map(|((dx, x), grad)| {
                let mut sums = vec![0.0; 2 * d];
                simd::run(NormBackward { x, gamma: gamma.slice(), grad, dx, sums: &mut sums });
                sums
            })
            .collect();
        let mut totals = vec![0.0; 2 * d];
        for sums in partial {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum;
            }
        }
        let dbeta = totals.split_off(d);
        (output(dx, [shape[0], d]), output(totals, [d]), output(dbeta, [d]))
    }

    fn gelu_forward(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let x = Values::new(x);
        let mut y = vec![0.0; x.slice().len()];
        y.par_chunks_mut(1 << 15)
            .zip(x.slice().par_chunks(1 << 15))
            .for_each(|(y, x)| simd::run(Gelu { x, y }));
        output(y, shape.to_vec())
    }

    fn gelu_grad(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let (x, grad) = (Values::new(x), Values::new(grad));
        let mut dx = vec![0.0; x.slice().len()];
        dx.par_chunks_mut(1 << 15)
            .zip(x.slice().par_chunks(1 << 15))
            .zip(grad.slice().par_chunks(1 << 15))
            .for_each(|((dx, x), grad)| simd::run(GeluGrad { x, grad, dx }));
        output(dx, shape.to_vec())
    }

    fn attend(qkv: FloatTensor<Self>, shape: AttentionShape) -> FloatTensor<Self> {
        if shape.precision != Precision::F32 {
            return compose::attend::<Self>(qkv, shape);
        }
        let d = qkv.shape()[1] / 3;
        let qkv = Values::new(qkv);
        let mut out = vec![0.0; shape.b * shape.queries * shape.s * d];
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
        let mut out = vec![0.0; qkv.slice().len()];
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
