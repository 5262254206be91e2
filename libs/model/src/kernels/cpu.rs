//! Fused kernels of the CPU backend (burn-flex): one pass over the rows each, parallel over rows or sequences, no permuted
//! copies. Work is cut into chunks of fixed size, so results do not depend on the number of threads.

use std::cell::RefCell;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{TensorData, TensorMetadata};
use rayon::prelude::*;

use super::simd::{self, Left, Loop, exp, largest, matmul, normal, padded, sum};
use super::{Around, Attend, Axis, EPSILON, Kernels, around, compose};
use crate::Precision;

/// Rows a parallel task takes on.
const CHUNK_ROWS: usize = 128;

/// The values of a tensor, contiguous.
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
        // Partial sums a chunk, added up in order below: the same result with any number of threads.
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

    fn attend(qkv: FloatTensor<Self>, shape: Attend) -> FloatTensor<Self> {
        if shape.precision != Precision::F32 {
            return compose::attend::<Self>(qkv, shape);
        }
        let d = qkv.shape()[1] / 3;
        let qkv = Values::new(qkv);
        let mut out = vec![0.0; shape.b * shape.queries * shape.s * d];
        for_sequences(&mut out, shape, shape.queries, d, |out, sequence| {
            let task = Forward { qkv: qkv.slice(), out, sequence, d, heads: shape.heads };
            SCRATCH.with_borrow_mut(|scratch| simd::run(InScratch { task, scratch }));
        });
        output(out, [shape.b * shape.queries * shape.s, d])
    }

    fn attend_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: Attend,
    ) -> FloatTensor<Self> {
        if shape.precision != Precision::F32 {
            return compose::attend_backward::<Self>(qkv, grad, shape);
        }
        let d = qkv.shape()[1] / 3;
        let (qkv, grad) = (Values::new(qkv), Values::new(grad));
        let mut out = vec![0.0; qkv.slice().len()];
        for_sequences(&mut out, shape, shape.t, 3 * d, |out, sequence| {
            let task = BackwardPass {
                qkv: qkv.slice(),
                grad: grad.slice(),
                out,
                sequence,
                d,
                heads: shape.heads,
            };
            SCRATCH.with_borrow_mut(|scratch| simd::run(InScratch { task, scratch }));
        });
        output(out, [shape.b * shape.t * shape.s, 3 * d])
    }

    fn around(x: FloatTensor<Self>, shape: Around) -> FloatTensor<Self> {
        let c = x.shape()[1];
        let values = around::forward(Values::new(x).slice(), shape, c);
        let each = shape.side * shape.side * c;
        let places = values.len() / each;
        output(values, [places, each])
    }

    fn around_backward(grad: FloatTensor<Self>, shape: Around) -> FloatTensor<Self> {
        let c = grad.shape()[1] / (shape.side * shape.side);
        output(
            around::backward(Values::new(grad).slice(), shape, c),
            [shape.pictures * shape.height * shape.width, c],
        )
    }
}

struct NormForward<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    y: &'a mut [f32],
}

/// Mean and inverse standard deviation of a row.
#[inline(always)]
fn moments(row: &[f32]) -> (f32, f32) {
    let n = row.len() as f32;
    let mean = sum([row], |[x]| x) / n;
    let variance = sum([row], |[x]| (x - mean) * (x - mean)) / n;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

impl Loop for NormForward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let d = self.gamma.len();
        for (x, y) in self.x.chunks_exact(d).zip(self.y.chunks_exact_mut(d)) {
            let (mean, inverse) = moments(x);
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(self.gamma).zip(self.beta) {
                *y = (x - mean) * inverse * gamma + beta;
            }
        }
    }
}

struct NormBackward<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    grad: &'a [f32],
    dx: &'a mut [f32],
    /// Gradients of gamma, then of beta.
    sums: &'a mut [f32],
}

impl Loop for NormBackward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let d = self.gamma.len();
        let (dgamma, dbeta) = self.sums.split_at_mut(d);
        for ((x, grad), dx) in
            self.x.chunks_exact(d).zip(self.grad.chunks_exact(d)).zip(self.dx.chunks_exact_mut(d))
        {
            let (mean, inverse) = moments(x);
            // dx holds the normalised row until it is overwritten.
            for i in 0..d {
                let normal = (x[i] - mean) * inverse;
                dx[i] = normal;
                dgamma[i] += grad[i] * normal;
                dbeta[i] += grad[i];
            }
            let scaled = sum([grad, self.gamma], |[g, w]| g * w) / d as f32;
            let along = sum([grad, self.gamma, dx], |[g, w, n]| g * w * n) / d as f32;
            for i in 0..d {
                dx[i] = (grad[i] * self.gamma[i] - scaled - dx[i] * along) * inverse;
            }
        }
    }
}

struct Gelu<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Loop for Gelu<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = x * normal::<FMA>(*x).0;
        }
    }
}

struct GeluGrad<'a> {
    x: &'a [f32],
    grad: &'a [f32],
    dx: &'a mut [f32],
}

impl Loop for GeluGrad<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for ((dx, x), grad) in self.dx.iter_mut().zip(self.x).zip(self.grad) {
            let (distribution, density) = normal::<FMA>(*x);
            *dx = grad * (distribution + x * density);
        }
    }
}

/// Where an attention sequence's rows lie: in the input at `first + i · stride`, in the output chunk at `out + i · stride`
/// (its last `queries` ones).
#[derive(Clone, Copy)]
struct Sequence {
    first: usize,
    out: usize,
    stride: usize,
    length: usize,
    queries: usize,
    causal: bool,
}

/// Calls `f` for every sequence with the chunk of `out` that holds its rows, in parallel over frames (space) or clips (time).
fn for_sequences(
    out: &mut [f32],
    shape: Attend,
    frames: usize,
    width: usize,
    f: impl Fn(&mut [f32], Sequence) + Sync,
) {
    let Attend { t, s, axis, .. } = shape;
    match axis {
        Axis::Space => out.par_chunks_mut(s * width).enumerate().for_each(|(g, chunk)| {
            let frame = t - frames + g % frames;
            let first = (g / frames * t + frame) * s;
            f(chunk, Sequence { first, out: 0, stride: 1, length: s, queries: s, causal: false });
        }),
        Axis::Time => {
            out.par_chunks_mut(frames * s * width).enumerate().for_each(|(clip, chunk)| {
                for position in 0..s {
                    let first = clip * t * s + position;
                    f(
                        chunk,
                        Sequence {
                            first,
                            out: position,
                            stride: s,
                            length: t,
                            queries: frames,
                            causal: true,
                        },
                    );
                }
            })
        }
    }
}

/// Working memory of one head of one sequence, kept by each thread.
#[derive(Default)]
struct Scratch {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    grad: Vec<f32>,
    transposed: Vec<f32>,
    weights: Vec<f32>,
    slope: Vec<f32>,
    product: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A task of one sequence, for each head in turn.
trait InHead {
    fn run<const FMA: bool>(self, scratch: &mut Scratch);
}

struct InScratch<'a, T> {
    task: T,
    scratch: &'a mut Scratch,
}

impl<T: InHead> Loop for InScratch<'_, T> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.task.run::<FMA>(self.scratch);
    }
}

/// Copies `n` rows' `dh` columns from `column` on into `to`, rows padded with zeros to a multiple of the tile width.
#[inline(always)]
fn gather(
    from: &[f32],
    to: &mut Vec<f32>,
    width: usize,
    column: usize,
    dh: usize,
    n: usize,
    row: impl Fn(usize) -> usize,
) {
    let wide = padded(dh);
    to.clear();
    to.resize(n * wide, 0.0);
    for (i, target) in to.chunks_exact_mut(wide).enumerate() {
        let start = row(i) * width + column;
        target[..dh].copy_from_slice(&from[start..start + dh]);
    }
}

/// `[n, padded(dh)]` as `[dh, padded(n)]`.
#[inline(always)]
fn transpose(from: &[f32], to: &mut Vec<f32>, n: usize, dh: usize) {
    let (wide, long) = (padded(dh), padded(n));
    to.clear();
    to.resize(dh * long, 0.0);
    for (i, row) in from.chunks_exact(wide).enumerate() {
        for (c, value) in row[..dh].iter().enumerate() {
            to[c * long + i] = *value;
        }
    }
}

/// Scores `[m, padded(n)]` to attention weights in place. Query i sees the first `n - m + i + 1` keys if causal.
#[inline(always)]
fn softmax<const FMA: bool>(scores: &mut [f32], m: usize, n: usize, scale: f32, causal: bool) {
    let long = padded(n);
    for (i, row) in scores.chunks_exact_mut(long).enumerate() {
        let seen = if causal { n - m + i + 1 } else { n };
        let (row, hidden) = row.split_at_mut(seen);
        hidden.fill(0.0);
        let top = largest(row);
        for x in row.iter_mut() {
            *x = exp::<FMA>((*x - top) * scale);
        }
        let inverse = 1.0 / sum([row], |[x]| x);
        for x in row {
            *x *= inverse;
        }
    }
}

/// Resizes without clearing: for what is overwritten whole.
fn room(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    buffer
}

struct Forward<'a> {
    qkv: &'a [f32],
    out: &'a mut [f32],
    sequence: Sequence,
    d: usize,
    heads: usize,
}

impl InHead for Forward<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self, scratch: &mut Scratch) {
        let Sequence { first, out, stride, length: n, queries: m, causal } = self.sequence;
        let dh = self.d / self.heads;
        let (wide, long) = (padded(dh), padded(n));
        let scale = 1.0 / (dh as f32).sqrt();
        let Scratch { q, k, v, transposed, weights, product, .. } = scratch;
        for head in 0..self.heads {
            let column = head * dh;
            gather(self.qkv, q, 3 * self.d, column, dh, m, |i| first + (n - m + i) * stride);
            gather(self.qkv, k, 3 * self.d, self.d + column, dh, n, |i| first + i * stride);
            gather(self.qkv, v, 3 * self.d, 2 * self.d + column, dh, n, |i| first + i * stride);
            transpose(k, transposed, n, dh);
            let weights = room(weights, m * long);
            matmul::<FMA>(Left { data: q, row: wide, column: 1 }, transposed, weights, m, dh, long);
            softmax::<FMA>(weights, m, n, scale, causal);
            let product = room(product, m * wide);
            matmul::<FMA>(Left { data: weights, row: long, column: 1 }, v, product, m, n, wide);
            for (i, row) in product.chunks_exact(wide).enumerate() {
                self.out[(out + i * stride) * self.d + column..][..dh].copy_from_slice(&row[..dh]);
            }
        }
    }
}

struct BackwardPass<'a> {
    qkv: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
    sequence: Sequence,
    d: usize,
    heads: usize,
}

impl InHead for BackwardPass<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self, scratch: &mut Scratch) {
        let Sequence { first, out, stride, length: n, causal, .. } = self.sequence;
        let dh = self.d / self.heads;
        let (wide, long) = (padded(dh), padded(n));
        let scale = 1.0 / (dh as f32).sqrt();
        let Scratch { q, k, v, grad, transposed, weights, slope, product } = scratch;
        for head in 0..self.heads {
            let column = head * dh;
            let row = |i: usize| first + i * stride;
            gather(self.qkv, q, 3 * self.d, column, dh, n, row);
            gather(self.qkv, k, 3 * self.d, self.d + column, dh, n, row);
            gather(self.qkv, v, 3 * self.d, 2 * self.d + column, dh, n, row);
            gather(self.grad, grad, self.d, column, dh, n, row);
            transpose(k, transposed, n, dh);
            let weights = room(weights, n * long);
            matmul::<FMA>(Left { data: q, row: wide, column: 1 }, transposed, weights, n, dh, long);
            softmax::<FMA>(weights, n, n, scale, causal);
            transpose(v, transposed, n, dh);
            let slope = room(slope, n * long);
            matmul::<FMA>(
                Left { data: grad, row: wide, column: 1 },
                transposed,
                slope,
                n,
                dh,
                long,
            );
            for (slope, weights) in slope.chunks_exact_mut(long).zip(weights.chunks_exact(long)) {
                let mean = sum([slope, weights], |[slope, weight]| slope * weight);
                for (slope, weight) in slope.iter_mut().zip(weights) {
                    *slope = (*slope - mean) * weight * scale;
                }
            }
            let product = room(product, n * wide);
            let parts = [
                (0, Left { data: slope, row: long, column: 1 }, &*k),
                (self.d, Left { data: slope, row: 1, column: long }, &*q),
                (2 * self.d, Left { data: weights, row: 1, column: long }, &*grad),
            ];
            for (part, left, right) in parts {
                matmul::<FMA>(left, right, product, n, n, wide);
                for (i, row) in product.chunks_exact(wide).enumerate() {
                    let start = (out + i * stride) * 3 * self.d + part + column;
                    self.out[start..start + dh].copy_from_slice(&row[..dh]);
                }
            }
        }
    }
}
