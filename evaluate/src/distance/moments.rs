//! Mean and covariance of features, in one pass with the memory of one covariance.
//!
//! Each block is centred on its own mean before it is multiplied, and then merged (Chan et al.
//! 1979). So features far from zero lose no digits. The formula `E[xxᵀ] − E[x]E[x]ᵀ` would
//! lose them.

use nalgebra::{DMatrix, DVector};

/// Rows per matrix product.
const BLOCK: usize = 256;

/// Divisor of the sum of squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divisor {
    /// n − 1: unbiased, as in the FVD paper's code.
    Unbiased,
    /// n: as in StyleGAN-V.
    Biased,
}

/// Count, mean and scatter of rows of `dimension` numbers.
#[derive(Debug, Clone)]
pub struct Moments {
    count: usize,
    mean: DVector<f64>,
    /// Sum of (x − mean)(x − mean)ᵀ.
    scatter: DMatrix<f64>,
}

impl Moments {
    /// Returns the moments of no rows.
    #[must_use]
    pub fn new(dimension: usize) -> Moments {
        Moments {
            count: 0,
            mean: DVector::zeros(dimension),
            scatter: DMatrix::zeros(dimension, dimension),
        }
    }

    /// Computes the moments of all `rows`.
    pub fn of<'a>(dimension: usize, rows: impl IntoIterator<Item = &'a [f32]>) -> Moments {
        let mut moments = Moments::new(dimension);
        let mut block = Vec::with_capacity(BLOCK * dimension);
        for row in rows {
            block.extend(row.iter().map(|&value| f64::from(value)));
            if block.len() >= BLOCK * dimension {
                moments.add(&block);
                block.clear();
            }
        }
        moments.add(&block);
        moments
    }

    /// Adds a block of rows `[n, dimension]`.
    fn add(&mut self, block: &[f64]) {
        let dimension = self.mean.len();
        let rows = block.len() / dimension;
        if rows == 0 {
            return;
        }
        // nalgebra is column-major, so a row-major block is its transpose: one column for each
        // clip.
        let mut columns = DMatrix::from_column_slice(dimension, rows, block);
        let mean = columns.column_mean();
        columns.column_iter_mut().for_each(|mut column| column -= &mean);
        let (old, new) = (self.count as f64, rows as f64);
        let shift = &mean - &self.mean;
        self.scatter += &columns * columns.transpose();
        self.scatter.ger(old * new / (old + new), &shift, &shift, 1.0);
        self.mean.axpy(new / (old + new), &shift, 1.0);
        self.count += rows;
    }

    /// Returns the number of rows.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the mean of the rows, `[dimension]`.
    #[must_use]
    pub fn mean(&self) -> &DVector<f64> {
        &self.mean
    }

    /// Returns the covariance of the rows, `[dimension, dimension]`; zero for a single row.
    #[must_use]
    pub fn covariance(&self, divisor: Divisor) -> DMatrix<f64> {
        let by = match divisor {
            Divisor::Unbiased => self.count.saturating_sub(1),
            Divisor::Biased => self.count,
        };
        &self.scatter / by.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a merge ignores the distance between the means of blocks, or loses digits far from
    /// zero.
    #[test]
    fn blocks_merge_to_the_moments_of_all_rows() {
        let rows: Vec<[f32; 2]> = (0..700)
            .map(|i| [1000.0 + i as f32 * 0.5, if i % 2 == 0 { 1.0 } else { -1.0 } * i as f32])
            .collect();
        let moments = Moments::of(2, rows.iter().map(<[f32; 2]>::as_slice));
        let n = rows.len() as f64;
        let mean = |c: usize| rows.iter().map(|row| f64::from(row[c])).sum::<f64>() / n;
        let (mean_a, mean_b) = (mean(0), mean(1));
        let cross: f64 = rows
            .iter()
            .map(|row| (f64::from(row[0]) - mean_a) * (f64::from(row[1]) - mean_b))
            .sum();
        assert_eq!(moments.count(), 700);
        assert!(
            (moments.mean()[0] - mean_a).abs() < 1e-9 && (moments.mean()[1] - mean_b).abs() < 1e-9
        );
        let covariance = moments.covariance(Divisor::Unbiased);
        assert!((covariance[(0, 1)] - cross / (n - 1.0)).abs() < 1e-8);
        assert!((covariance[(0, 1)] - covariance[(1, 0)]).abs() < 1e-9);
        let biased = moments.covariance(Divisor::Biased)[(0, 0)] * n / (n - 1.0);
        assert!((biased / covariance[(0, 0)] - 1.0).abs() < 1e-12);
    }
}
