//! Eigenvalues and eigenvectors of a symmetric matrix, in the order of the values.

use nalgebra::{DMatrix, SymmetricEigen};

/// Eigenvalues, largest first, and the eigenvector of each, of a symmetric matrix `[n, n]`.
pub fn symmetric_eigen(matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let found = SymmetricEigen::new(DMatrix::from_vec(n, n, matrix));
    let vectors = found.eigenvectors.column_iter().map(|column| column.iter().copied().collect());
    let mut pairs: Vec<(f64, Vec<f64>)> = found.eigenvalues.iter().copied().zip(vectors).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs.into_iter().unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: eigenvectors are columns instead of rows, or are not in the order of the values.
    #[test]
    fn eigenvectors_belong_to_their_values() {
        let n = 3;
        let matrix = vec![2.0, -1.0, 0.5, -1.0, 3.0, 0.25, 0.5, 0.25, 7.0];
        let (values, vectors) = symmetric_eigen(matrix.clone(), n);
        assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
        for (value, vector) in values.iter().zip(&vectors) {
            for i in 0..n {
                let product: f64 = (0..n).map(|j| matrix[i * n + j] * vector[j]).sum();
                assert!((product - value * vector[i]).abs() < 1e-10, "{value}: {vector:?}");
            }
            assert!((vector.iter().map(|v| v * v).sum::<f64>() - 1.0).abs() < 1e-10);
        }
    }
}
