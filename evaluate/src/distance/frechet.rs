//! The Fréchet distance between two Gaussians [Dowson & Landau 1982].
//!
//! The formula is |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½). On features of videos it is FVD
//! [Unterthiner et al. 2018].
//!
//! tr (Σ₁Σ₂)^½ is computed as the sum of the square roots of the eigenvalues of Σ₁^½ Σ₂ Σ₁^½. That
//! matrix is symmetric and has no negative eigenvalues, so neither complex numbers nor an offset on
//! the diagonal is needed. It also works with fewer clips than dimensions: there Σ₁Σ₂ is singular,
//! and a general matrix square root fails. Eigenvalues below rounding error count as zero, because
//! the square root would turn each 1e-16 into 1e-8.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::distance::moments::{Divisor, Moments};

/// Returns the distance, in squared units of the features; never negative.
#[must_use]
pub fn frechet(a: &Moments, b: &Moments, divisor: Divisor) -> f64 {
    let (of_a, of_b) = (a.covariance(divisor), b.covariance(divisor));
    let means = (a.mean() - b.mean()).norm_squared();
    let traces = of_a.trace() + of_b.trace();
    let root = square_root(&of_a);
    let eigenvalues = symmetric(&(&root * of_b * &root)).symmetric_eigenvalues();
    let least = negligible(eigenvalues.as_slice());
    let cross: f64 =
        eigenvalues.iter().filter(|&&value| value > least).map(|value| value.sqrt()).sum();
    (means + traces - 2.0 * cross).max(0.0)
}

/// Returns the symmetric square root of a covariance.
fn square_root(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let mut eigen = SymmetricEigen::new(symmetric(covariance));
    let least = negligible(eigen.eigenvalues.as_slice());
    eigen.eigenvalues.apply(|value| *value = if *value > least { value.sqrt() } else { 0.0 });
    eigen.recompose()
}

/// Removes the small asymmetry that rounding gives to products.
fn symmetric(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    (matrix + matrix.transpose()) * 0.5
}

/// Returns the size of the rounding error of eigenvalues.
fn negligible(eigenvalues: &[f64]) -> f64 {
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    largest * eigenvalues.len() as f64 * f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::reference;

    /// Catches: a wrong matrix square root, trace or divisor; a method fails for fewer clips than
    /// dimensions (second case).
    ///
    /// The relative error is at most 1e-6 against scipy, and 1e-9 against singular values. scipy's
    /// own error is 1.5e-7 there.
    #[test]
    fn agrees_with_scipy() {
        for case in reference::cases() {
            let [a, b] = case.features().map(|side| Moments::of(side.dimension(), side.rows()));
            let close = |found: f64, expected: f64, most: f64| {
                let error = (found / expected - 1.0).abs();
                assert!(error <= most, "{}: {found} instead of {expected} ({error:e})", case.name);
            };
            close(frechet(&a, &b, Divisor::Unbiased), case.unbiased, 1e-6);
            close(frechet(&a, &b, Divisor::Biased), case.biased, 1e-6);
            close(frechet(&a, &b, Divisor::Unbiased), case.by_singular_values, 1e-9);
            close(frechet(&b, &a, Divisor::Unbiased), case.by_singular_values, 1e-9);
        }
    }

    /// Catches: rounding errors give a set a distance above 0 from itself: with fewer clips than
    /// dimensions, each of the many zero eigenvalues would add 1e-8.
    #[test]
    fn a_set_is_at_no_distance_from_itself() {
        for case in reference::cases() {
            let [a, _] = case.features().map(|side| Moments::of(side.dimension(), side.rows()));
            let scale = a.covariance(Divisor::Unbiased).trace();
            assert!(frechet(&a, &a, Divisor::Unbiased) < 1e-12 * scale, "{}", case.name);
        }
    }

    /// Catches: a distance uses only the means, or only the diagonal. Diagonal covariances have a
    /// distance in closed form.
    #[test]
    fn diagonal_gaussians_have_their_known_distance() {
        // Two points in each set: mean 0, and variance 2 s² in one direction.
        let side = |s: f32| Moments::of(2, [[s, 0.0], [-s, 0.0]].iter().map(<[f32; 2]>::as_slice));
        let across = Moments::of(2, [[0.0, 1.0], [0.0, -1.0]].iter().map(<[f32; 2]>::as_slice));
        let root = 2.0_f64.sqrt();
        assert!(
            (frechet(&side(1.0), &side(3.0), Divisor::Unbiased) - (3.0 * root - root).powi(2))
                .abs()
                < 1e-12
        );
        assert!((frechet(&side(1.0), &across, Divisor::Unbiased) - 4.0).abs() < 1e-12);
    }
}
