//! Loops over rows in parallel chunks, and sums of what the chunks return.
//!
//! The chunks have a fixed size and their sums are added in order, so results do not depend on the
//! number of threads.

use rayon::prelude::*;

use super::zeros::zeros;

/// Rows of equal width, one after the other.
#[derive(Clone, Copy)]
pub struct RowSlice<'a> {
    pub values: &'a [f32],
    pub width: usize,
}

/// Computes rows of `width` values from the rows of the inputs, `chunk` rows at a time.
///
/// All inputs have the same number of rows. `compute` gets the rows of a chunk and the output,
/// which is zero, and may return something else. The results come in the order of the chunks.
pub fn in_chunks<const K: usize, S: Send>(
    chunk: usize,
    inputs: [RowSlice<'_>; K],
    width: usize,
    compute: impl Fn([&[f32]; K], &mut [f32]) -> S + Sync,
) -> (Vec<f32>, Vec<S>) {
    let rows = inputs[0].values.len() / inputs[0].width;
    let mut output = zeros(rows * width);
    let compute = |(number, output): (usize, &mut [f32])| {
        let (first, end) = (number * chunk, number * chunk + output.len() / width);
        let of_chunk = inputs.map(|RowSlice { values, width }| &values[first * width..end * width]);
        compute(of_chunk, output)
    };
    let results = output.par_chunks_mut(chunk * width).enumerate().map(compute).collect();
    (output, results)
}

/// The sums of vectors of `len` values, added in order.
pub fn sum_in_order(vectors: Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let mut vectors = vectors.into_iter();
    let first = vectors.next().unwrap_or_else(|| vec![0.0; len]);
    vectors.fold(first, |mut sum, vector| {
        add(&mut sum, &vector);
        sum
    })
}

/// Adds values to a sum.
pub fn add(sum: &mut [f32], values: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the last chunk, which is smaller, is left out, or gets the rows of another one; the
    /// widths of input and output are confused.
    #[test]
    fn every_row_is_computed_from_its_own_rows() {
        let [a, b] = [0, 100].map(|from| (from..from + 22).map(|i| i as f32).collect::<Vec<_>>());
        let inputs = [RowSlice { values: &a, width: 2 }, RowSlice { values: &b, width: 2 }];
        let (output, rows) = in_chunks(4, inputs, 1, |[a, b], out| {
            for (row, out) in out.iter_mut().enumerate() {
                *out += a[2 * row] + b[2 * row + 1];
            }
            a.len() / 2
        });
        let expected: Vec<f32> = (0..11_u8).map(|row| f32::from(row) * 4.0 + 101.0).collect();
        assert_eq!((output, rows), (expected, vec![4, 4, 3]));
        let none = in_chunks(4, [RowSlice { values: &[], width: 2 }], 3, |_, _| ());
        assert_eq!(none, (vec![], vec![]));
    }

    /// Catches: a vector is left out, or the sum of none has another length.
    #[test]
    fn sums_have_all_vectors() {
        assert_eq!(sum_in_order(vec![vec![1.0, 2.0], vec![3.0, 4.0]], 2), [4.0, 6.0]);
        assert_eq!(sum_in_order(Vec::new(), 2), [0.0, 0.0]);
    }
}
