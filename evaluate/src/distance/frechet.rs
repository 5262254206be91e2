//! The Fréchet distance between two Gaussians: |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) [Dowson & Landau 1982], which on
//! features of videos is FVD [Unterthiner et al. 2018].
//!
//! tr (Σ₁Σ₂)^½ is taken as the sum of the square roots of the eigenvalues of Σ₁^½ Σ₂ Σ₁^½, which is symmetric and not
//! negative: no complex numbers, no offset on the diagonal, and it works with fewer clips than dimensions, where Σ₁Σ₂
//! is singular and a general matrix square root fails. Eigenvalues below rounding error count as the zeros that they
//! are: the square root would make 1e-8 of each 1e-16.

use nalgebra::{DMatrix, SymmetricEigen};

use crate::distance::moments::{Divisor, Moments};

/// The distance, in squared units of the features; never negative.
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

/// The symmetric square root of a covariance.
fn square_root(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let mut eigen = SymmetricEigen::new(symmetric(covariance));
    let least = negligible(eigen.eigenvalues.as_slice());
    eigen.eigenvalues.apply(|value| *value = if *value > least { value.sqrt() } else { 0.0 });
    eigen.recompose()
}

/// Rounding makes products a little asymmetric.
fn symmetric(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    (matrix + matrix.transpose()) * 0.5
}

/// What an eigenvalue must exceed to be more than rounding error.
fn negligible(eigenvalues: &[f64]) -> f64 {
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    largest * eigenvalues.len() as f64 * f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::reference;

    /// Catches: a wrong matrix square root, trace or divisor; and, in the second case, one that only holds for more clips than
    /// dimensions. Relative error at most 1e-6 against scipy, 1e-9 against singular values (scipy itself is 1.5e-7 off there).
    #[test]
    fn agrees_with_scipy() {
        for case in reference::cases() {
            let [a, b] = case.features().map(|side| Moments::of(side.dimension(), side.rows()));
            let close = |found: f64, expected: f64, most: f64| {
                let error = (found / expected - 1.0).abs();
                assert!(error <= most, "{}: {found} is not {expected} ({error:e})", case.name);
            };
            close(frechet(&a, &b, Divisor::Unbiased), case.unbiased, 1e-6);
            close(frechet(&a, &b, Divisor::Biased), case.biased, 1e-6);
            close(frechet(&a, &b, Divisor::Unbiased), case.by_singular_values, 1e-9);
            close(frechet(&b, &a, Divisor::Unbiased), case.by_singular_values, 1e-9);
        }
    }

    /// Catches: rounding errors that make a set differ from itself; with fewer clips than dimensions each of the many zero
    /// eigenvalues would add 1e-8.
    #[test]
    fn a_set_is_at_no_distance_from_itself() {
        for case in reference::cases() {
            let [a, _] = case.features().map(|side| Moments::of(side.dimension(), side.rows()));
            let scale = a.covariance(Divisor::Unbiased).trace();
            assert!(frechet(&a, &a, Divisor::Unbiased) < 1e-12 * scale, "{}", case.name);
        }
    }

    /// Catches: a distance that only looks at means, or at the diagonal. Diagonal covariances have a distance in closed form.
    #[test]
    fn diagonal_gaussians_have_their_known_distance() {
        // Two points a side: mean 0 and variance 2 s² in one direction each.
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
