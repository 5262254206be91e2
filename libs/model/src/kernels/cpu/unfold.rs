//! Neighbourhoods of pixels on the CPU.
//!
//! Rows of pixels are copied, or their gradients added, in runs, in parallel over images.

use rayon::prelude::*;

use super::zeros::zeros;
use crate::kernels::shapes::UnfoldShape;

/// The part of one row of a neighbourhood that lies within the image.
struct Run {
    /// Index of its first pixel in the image `[height*width, c]`.
    image: usize,
    /// Index of its first pixel in the neighbourhood `[side*side, c]`.
    neighbourhood: usize,
    /// Number of pixels.
    len: usize,
}

/// The runs of the neighbourhood at `row` and `column` of the outputs.
fn runs(shape: UnfoldShape, row: usize, column: usize) -> impl Iterator<Item = Run> {
    let UnfoldShape { height, width, side, stride, .. } = shape;
    let reach = side / 2;
    let (y, x) = (row * stride, column * stride);
    let (first, end) = (x.saturating_sub(reach), (x + reach + 1).min(width));
    let cut = (first + reach) - x;
    (0..side).filter_map(move |down| {
        let y = (y + down).checked_sub(reach).filter(|y| *y < height)?;
        Some(Run { image: y * width + first, neighbourhood: down * side + cut, len: end - first })
    })
}

/// Row and column of every neighbourhood of an image.
fn outputs(shape: UnfoldShape) -> impl Iterator<Item = (usize, usize)> {
    let (rows, columns) = shape.outputs();
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// Pixels `[images*height*width, c]` to neighbourhoods `[outputs, side*side*c]`.
pub fn forward(x: &[f32], shape: UnfoldShape, c: usize) -> Vec<f32> {
    let (rows, columns) = shape.outputs();
    let (image, each) = (shape.height * shape.width * c, shape.side * shape.side * c);
    let mut out = zeros(shape.images * rows * columns * each);
    out.par_chunks_mut(rows * columns * each).zip(x.par_chunks(image)).for_each(|(out, x)| {
        for ((row, column), out) in outputs(shape).zip(out.chunks_exact_mut(each)) {
            for run in runs(shape, row, column) {
                let len = run.len * c;
                out[run.neighbourhood * c..][..len].copy_from_slice(&x[run.image * c..][..len]);
            }
        }
    });
    out
}

/// Gradients of neighbourhoods to gradients of pixels.
///
/// A pixel's gradient is the sum over all neighbourhoods that contain it.
pub fn backward(grad: &[f32], shape: UnfoldShape, c: usize) -> Vec<f32> {
    let (rows, columns) = shape.outputs();
    let (image, each) = (shape.height * shape.width * c, shape.side * shape.side * c);
    let mut sums = zeros(shape.images * image);
    sums.par_chunks_mut(image).zip(grad.par_chunks(rows * columns * each)).for_each(
        |(sums, grad)| {
            for ((row, column), grad) in outputs(shape).zip(grad.chunks_exact(each)) {
                for run in runs(shape, row, column) {
                    let len = run.len * c;
                    let from = &grad[run.neighbourhood * c..][..len];
                    sums[run.image * c..][..len]
                        .iter_mut()
                        .zip(from)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
        },
    );
    sums
}
