//! Scaled dot-product attention, forward and backward.

use std::cell::RefCell;

use rayon::prelude::*;

use super::simd::{self, Left, Loop, exp, largest, matmul, padded, sum};
use crate::kernels::shapes::{AttentionShape, Axis};

/// Attention of packed rows `qkv` `[b*t*s, 3d]`, into `out` `[b*queries*s, d]`.
pub fn forward(qkv: &[f32], out: &mut [f32], shape: AttentionShape, d: usize) {
    for_sequences(out, shape, shape.queries, d, |out, sequence| {
        let task = Forward { qkv, out, sequence, d, heads: shape.heads };
        SCRATCH.with_borrow_mut(|scratch| simd::run(WithScratch { task, scratch }));
    });
}

/// Gradient of `qkv` `[b*t*s, 3d]` for the output's gradient `grad` `[b*t*s, d]`, into `out`.
pub fn backward(qkv: &[f32], grad: &[f32], out: &mut [f32], shape: AttentionShape, d: usize) {
    for_sequences(out, shape, shape.t, 3 * d, |out, sequence| {
        let task = Backward { qkv, grad, out, sequence, d, heads: shape.heads };
        SCRATCH.with_borrow_mut(|scratch| simd::run(WithScratch { task, scratch }));
    });
}

/// Where the rows of one attention sequence are.
///
/// Row i of the input is at `first + i · stride`. The output rows of the last `queries` ones are at
/// `out + i · stride` of the output chunk.
#[derive(Clone, Copy)]
struct Sequence {
    first: usize,
    out: usize,
    stride: usize,
    length: usize,
    queries: usize,
    causal: bool,
}

/// Calls `f` for every sequence, with the chunk of `out` that holds its rows.
///
/// It runs in parallel over frames (space) or over the clips of the batch (time).
fn for_sequences(
    out: &mut [f32],
    shape: AttentionShape,
    frames: usize,
    width: usize,
    f: impl Fn(&mut [f32], Sequence) + Sync,
) {
    let AttentionShape { t, s, axis, .. } = shape;
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
            });
        }
    }
}

/// Working memory of one head of one sequence; each thread keeps its own.
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

/// The computation of one sequence, head after head.
trait SequenceTask {
    fn run<const FMA: bool>(self, scratch: &mut Scratch);
}

/// A sequence's computation with the thread's working memory.
struct WithScratch<'a, T> {
    task: T,
    scratch: &'a mut Scratch,
}

impl<T: SequenceTask> Loop for WithScratch<'_, T> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.task.run::<FMA>(self.scratch);
    }
}

/// Copies columns `column..column + dh` of `n` rows into `to`.
///
/// The copied rows are padded with zeros to a multiple of the tile's width.
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

/// Transposes `[n, padded(dh)]` to `[dh, padded(n)]`.
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

/// Turns scores `[m, padded(n)]` into attention weights in place.
///
/// If `causal`, query i attends to the first `n - m + i + 1` keys.
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

/// Resizes a buffer that the caller overwrites completely; old values stay.
fn resized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    buffer.resize(length, 0.0);
    buffer
}

/// Attention of one sequence.
struct Forward<'a> {
    qkv: &'a [f32],
    out: &'a mut [f32],
    sequence: Sequence,
    d: usize,
    heads: usize,
}

impl SequenceTask for Forward<'_> {
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
            let weights = resized(weights, m * long);
            matmul::<FMA>(Left { data: q, row: wide, column: 1 }, transposed, weights, m, dh, long);
            softmax::<FMA>(weights, m, n, scale, causal);
            let product = resized(product, m * wide);
            matmul::<FMA>(Left { data: weights, row: long, column: 1 }, v, product, m, n, wide);
            for (i, row) in product.chunks_exact(wide).enumerate() {
                self.out[(out + i * stride) * self.d + column..][..dh].copy_from_slice(&row[..dh]);
            }
        }
    }
}

/// Gradient of the attention of one sequence.
struct Backward<'a> {
    qkv: &'a [f32],
    grad: &'a [f32],
    out: &'a mut [f32],
    sequence: Sequence,
    d: usize,
    heads: usize,
}

impl SequenceTask for Backward<'_> {
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
            let weights = resized(weights, n * long);
            matmul::<FMA>(Left { data: q, row: wide, column: 1 }, transposed, weights, n, dh, long);
            softmax::<FMA>(weights, n, n, scale, causal);
            transpose(v, transposed, n, dh);
            let slope = resized(slope, n * long);
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
            let product = resized(product, n * wide);
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
