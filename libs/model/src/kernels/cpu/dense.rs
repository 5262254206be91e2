//! Linear layers of rows on the CPU: products of matrices in chunks of rows.
//!
//! The products are those of `matrixmultiply`, through nalgebra. Matrices are row-major here and
//! column-major in nalgebra. So each matrix is passed as its transposed one, and a product `a·b` is
//! computed as `bᵀ·aᵀ`.
//!
//! The weights have at least [`SMALLEST_SIDE`] inputs and outputs.
//!
//! Guarantee: a row of the output depends on its own row of the input only, to the last bit.

use std::borrow::Cow;

use nalgebra::{DMatrixView, DMatrixViewMut, Dyn, Matrix, Storage};
use rayon::prelude::*;

use super::rows::{RowSlice, add, in_chunks, sum_in_order};

/// Rows of one parallel task.
const CHUNK_ROWS: usize = 512;

/// Largest number of partial sums of the gradient of the weights.
///
/// Each is as large as the weights.
const MOST_PARTIAL_SUMS: usize = 8;

/// The smallest side of a matrix that is passed to nalgebra.
///
/// Below, nalgebra 0.35 computes products in another order, and reads beyond a matrix whose rows
/// are not contiguous (valgrind).
pub const SMALLEST_SIDE: usize = 8;

/// `x·weight + bias`: `x` `[n, k]`, `weight` `[k, m]` and `bias` `[m]` to `[n, m]`.
pub fn forward(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let (m, k) = (bias.len(), weight.len() / bias.len());
    let weight = DMatrixView::from_slice(weight, m, k);
    let forward = |[x]: [&[f32]; 1], y: &mut [f32]| {
        for row in y.chunks_exact_mut(m) {
            row.copy_from_slice(bias);
        }
        product(&weight, x, y, 1.0);
    };
    in_chunks(CHUNK_ROWS, [RowSlice { values: x, width: k }], m, forward).0
}

/// Gradient with respect to `x` `[n, k]`: `grad` `[n, m]` times the transposed `weight` `[k, m]`.
pub fn grad_x(weight: &[f32], grad: &[f32], k: usize) -> Vec<f32> {
    let m = weight.len() / k;
    let weight = row_major(weight, k, m);
    let grads = [RowSlice { values: grad, width: m }];
    in_chunks(CHUNK_ROWS, grads, k, |[grad], dx| product(&weight, grad, dx, 0.0)).0
}

/// Gradients with respect to the weights `[k, m]` and the bias `[m]`.
///
/// `x` is `[n, k]` and `grad` `[n, m]`. Each chunk of rows has a sum of its own. These are added in
/// order, so the result does not depend on the number of threads.
pub fn grad_weights(x: &[f32], grad: &[f32], k: usize, m: usize) -> (Vec<f32>, Vec<f32>) {
    let rows = (x.len() / k).div_ceil(MOST_PARTIAL_SUMS).max(CHUNK_ROWS);
    let chunks = x.par_chunks(rows * k).zip(grad.par_chunks(rows * m));
    let partial: Vec<Vec<f32>> = chunks
        .map(|(x, grad)| {
            let mut sums = vec![0.0; (k + 1) * m];
            let (weight, bias) = sums.split_at_mut(k * m);
            let ((x, rows), (grads, _)) = (enough(x, k), enough(grad, m));
            let mut sum = DMatrixViewMut::from_slice(weight, m, k);
            let grads = DMatrixView::from_slice(&grads, m, rows);
            sum.gemm(1.0, &grads, &row_major(&x, rows, k), 0.0);
            for row in grad.chunks_exact(m) {
                add(bias, row);
            }
            sums
        })
        .collect();
    let mut weight = sum_in_order(partial, (k + 1) * m);
    let bias = weight.split_off(k * m);
    (weight, bias)
}

/// `y = x·weight + beta·y` for rows `x` `[n, k]` and `y` `[n, m]`.
///
/// `weight` is `[m, k]` in nalgebra.
fn product<S: Storage<f32, Dyn, Dyn>>(
    weight: &Matrix<f32, Dyn, Dyn, S>,
    x: &[f32],
    y: &mut [f32],
    beta: f32,
) {
    let (m, k) = weight.shape();
    let (x, rows) = enough(x, k);
    let x = DMatrixView::from_slice(&x, k, rows);
    if y.len() == rows * m {
        DMatrixViewMut::from_slice(y, m, rows).gemm(1.0, weight, &x, beta);
        return;
    }
    let mut padded = enough(y, m).0.into_owned();
    DMatrixViewMut::from_slice(&mut padded, m, rows).gemm(1.0, weight, &x, beta);
    y.copy_from_slice(&padded[..y.len()]);
}

/// A row-major matrix `[rows, columns]` that is not transposed.
fn row_major(values: &[f32], rows: usize, columns: usize) -> DMatrixView<'_, f32, Dyn, Dyn> {
    DMatrixView::from_slice_with_strides(values, rows, columns, columns, 1)
}

/// Rows `[n, width]` as at least [`SMALLEST_SIDE`] rows, and their number; the others are zero.
fn enough(rows: &[f32], width: usize) -> (Cow<'_, [f32]>, usize) {
    let n = rows.len() / width;
    if n >= SMALLEST_SIDE {
        return (rows.into(), n);
    }
    let mut padded = rows.to_vec();
    padded.resize(SMALLEST_SIDE * width, 0.0);
    (padded.into(), SMALLEST_SIDE)
}
