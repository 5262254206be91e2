//! Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's method.

/// Sweeps over all pairs of rows; ten are usual for full precision.
const SWEEPS: usize = 30;

/// Eigenvalues, largest first, and the eigenvector of each, of a symmetric matrix `[n, n]`.
pub fn symmetric_eigen(mut matrix: Vec<f64>, n: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    // Row i of `vectors` is the eigenvector of the diagonal's entry i.
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let scale: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..SWEEPS {
        let mut rest = 0.0;
        for p in 0..n {
            for q in p + 1..n {
                let off = matrix[p * n + q];
                rest += off * off;
                if off * off <= 1e-30 * scale {
                    continue;
                }
                let half = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * off);
                let tan = half.signum() / (half.abs() + half.hypot(1.0));
                let cos = 1.0 / tan.hypot(1.0);
                let sin = tan * cos;
                for k in 0..n {
                    let (a, b) = (matrix[k * n + p], matrix[k * n + q]);
                    (matrix[k * n + p], matrix[k * n + q]) = (cos * a - sin * b, sin * a + cos * b);
                }
                for k in 0..n {
                    let (a, b) = (matrix[p * n + k], matrix[q * n + k]);
                    (matrix[p * n + k], matrix[q * n + k]) = (cos * a - sin * b, sin * a + cos * b);
                    let (a, b) = (vectors[p][k], vectors[q][k]);
                    (vectors[p][k], vectors[q][k]) = (cos * a - sin * b, sin * a + cos * b);
                }
            }
        }
        if rest <= 1e-24 * scale {
            break;
        }
    }
    let mut pairs: Vec<_> =
        vectors.into_iter().enumerate().map(|(i, vector)| (matrix[i * n + i], vector)).collect();
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
