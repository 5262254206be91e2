//! Neighbourhoods on the CPU: rows of pixels are copied, and gradients added, a run at a time, in parallel over pictures.

use rayon::prelude::*;

use super::Around;

/// The part of a neighbourhood's row that lies within the picture: where it starts in the picture's rows `[height*width, c]`, where in
/// the neighbourhood `[side*side, c]`, and how many places it has.
struct Run {
    picture: usize,
    neighbourhood: usize,
    len: usize,
}

/// The runs of the neighbourhood around the place at `row` and `column` of all places.
fn runs(shape: Around, row: usize, column: usize) -> impl Iterator<Item = Run> {
    let Around { height, width, side, stride, .. } = shape;
    let reach = side / 2;
    let (y, x) = (row * stride, column * stride);
    let (first, end) = (x.saturating_sub(reach), (x + reach + 1).min(width));
    let cut = (first + reach) - x;
    (0..side).filter_map(move |down| {
        let y = (y + down).checked_sub(reach).filter(|y| *y < height)?;
        Some(Run { picture: y * width + first, neighbourhood: down * side + cut, len: end - first })
    })
}

/// Every place of a picture that has a neighbourhood.
fn places(shape: Around) -> impl Iterator<Item = (usize, usize)> {
    let (rows, columns) = shape.places();
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// Rows `[pictures*height*width, c]` to neighbourhoods `[places, side*side*c]`.
pub fn forward(x: &[f32], shape: Around, c: usize) -> Vec<f32> {
    let (rows, columns) = shape.places();
    let (picture, each) = (shape.height * shape.width * c, shape.side * shape.side * c);
    let mut out = vec![0.0; shape.pictures * rows * columns * each];
    out.par_chunks_mut(rows * columns * each).zip(x.par_chunks(picture)).for_each(|(out, x)| {
        for ((row, column), out) in places(shape).zip(out.chunks_exact_mut(each)) {
            for run in runs(shape, row, column) {
                let len = run.len * c;
                out[run.neighbourhood * c..][..len].copy_from_slice(&x[run.picture * c..][..len]);
            }
        }
    });
    out
}

/// Gradients of neighbourhoods to those of rows: each row's is the sum over all neighbourhoods that it is in.
pub fn backward(grad: &[f32], shape: Around, c: usize) -> Vec<f32> {
    let (rows, columns) = shape.places();
    let (picture, each) = (shape.height * shape.width * c, shape.side * shape.side * c);
    let mut sums = vec![0.0; shape.pictures * picture];
    sums.par_chunks_mut(picture).zip(grad.par_chunks(rows * columns * each)).for_each(
        |(sums, grad)| {
            for ((row, column), grad) in places(shape).zip(grad.chunks_exact(each)) {
                for run in runs(shape, row, column) {
                    let len = run.len * c;
                    let from = &grad[run.neighbourhood * c..][..len];
                    sums[run.picture * c..][..len]
                        .iter_mut()
                        .zip(from)
                        .for_each(|(sum, value)| *sum += value);
                }
            }
        },
    );
    sums
}
