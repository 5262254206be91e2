//! PSNR and SSIM of one 8-bit RGB frame against another.
//!
//! PSNR is over all three channels: 10·log10(255² / MSE). The MSE is at least 1/12, the variance of
//! rounding to 8 bits. So identical frames have 58.9 dB and not infinity, and means stay meaningful
//! if some frames stand still.
//!
//! SSIM follows Wang et al. (2004): luma with BT.601 weights, 11×11 Gaussian window with σ = 1.5,
//! K1 = 0.01, K2 = 0.03, L = 255, biased (weighted) moments, mean over the valid region, no
//! padding. A frame smaller than 11 pixels gets the largest odd window that fits, with the same σ.

/// PSNR of identical frames: 10·log10(255² · 12).
#[cfg(test)]
pub const PSNR_CAP_DB: f64 = 58.922_616_069_155_35;

const ROUNDING_NOISE: f64 = 1.0 / 12.0;
const WINDOW: usize = 11;
const SIGMA: f64 = 1.5;
const C1: f64 = (0.01 * 255.0) * (0.01 * 255.0);
const C2: f64 = (0.03 * 255.0) * (0.03 * 255.0);

/// Returns the peak signal-to-noise ratio, in dB, of two frames of equal length.
///
/// # Panics
/// Panics if the lengths differ or are zero.
#[must_use]
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert!(
        a.len() == b.len() && !a.is_empty(),
        "PSNR needs two frames of equal length, not {} and {} bytes",
        a.len(),
        b.len()
    );
    let squares: u64 = a.iter().zip(b).map(|(&x, &y)| u64::from(x.abs_diff(y)).pow(2)).sum();
    let mse = (squares as f64 / a.len() as f64).max(ROUNDING_NOISE);
    10.0 * (255.0 * 255.0 / mse).log10()
}

/// Returns the structural similarity of two RGB frames `[height, width, 3]`, at most 1.
///
/// # Panics
/// Panics if a frame is empty or not `height · width · 3` bytes.
#[must_use]
pub fn ssim(a: &[u8], b: &[u8], height: usize, width: usize) -> f64 {
    assert!(
        a.len() == height * width * 3 && b.len() == a.len() && !a.is_empty(),
        "frames of SSIM must be {width}×{height}"
    );
    let kernel = gaussian(height.min(width).min(WINDOW));
    let (x, y) = (luma(a), luma(b));
    let product = |p: &[f64], q: &[f64]| p.iter().zip(q).map(|(u, v)| u * v).collect::<Vec<_>>();
    let blurred = |plane: &[f64]| blur(plane, height, width, &kernel);
    let (mean_x, mean_y) = (blurred(&x), blurred(&y));
    let (xx, yy, xy) =
        (blurred(&product(&x, &x)), blurred(&product(&y, &y)), blurred(&product(&x, &y)));
    let total: f64 = (0..mean_x.len())
        .map(|i| {
            let (mx, my) = (mean_x[i], mean_y[i]);
            let (var_x, var_y, cov) = (xx[i] - mx * mx, yy[i] - my * my, xy[i] - mx * my);
            ((2.0 * mx * my + C1) * (2.0 * cov + C2))
                / ((mx * mx + my * my + C1) * (var_x + var_y + C2))
        })
        .sum();
    total / mean_x.len() as f64
}

/// Returns the BT.601 luma of an RGB frame, one value from 0 to 255 for each pixel.
pub(crate) fn luma(rgb: &[u8]) -> Vec<f64> {
    rgb.chunks_exact(3)
        .map(|p| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]))
        .collect()
}

/// Returns Gaussian weights of [`SIGMA`] over the largest odd size within `at_most`; they sum to 1.
fn gaussian(at_most: usize) -> Vec<f64> {
    let size = if at_most % 2 == 1 { at_most } else { at_most - 1 };
    let centre = (size / 2) as f64;
    let weights: Vec<f64> =
        (0..size).map(|i| (-(i as f64 - centre).powi(2) / (2.0 * SIGMA * SIGMA)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// Blurs the valid region, first along rows, then along columns.
fn blur(plane: &[f64], height: usize, width: usize, kernel: &[f64]) -> Vec<f64> {
    let (out_height, out_width) = (height + 1 - kernel.len(), width + 1 - kernel.len());
    let mut rows = Vec::with_capacity(height * out_width);
    for row in plane.chunks_exact(width) {
        rows.extend(
            row.windows(kernel.len())
                .map(|w| w.iter().zip(kernel).map(|(p, k)| p * k).sum::<f64>()),
        );
    }
    let mut out = vec![0.0; out_height * out_width];
    for (y, line) in out.chunks_exact_mut(out_width).enumerate() {
        for (tap, weight) in kernel.iter().enumerate() {
            let row = &rows[(y + tap) * out_width..(y + tap + 1) * out_width];
            line.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fixed pattern `[height, width, 3]` without symmetry.
    fn pattern(height: usize, width: usize, salt: usize) -> Vec<u8> {
        (0..height * width * 3)
            .map(|i| u8::try_from((i * i * 7 + i * 13 + salt * (i % 5)) % 256).unwrap())
            .collect()
    }

    /// Catches: the peak value is wrong; the logarithm is natural instead of decimal.
    #[test]
    fn psnr_has_its_textbook_values() {
        assert!((psnr(&[0; 12], &[255; 12])).abs() < 1e-12);
        assert!((psnr(&[10; 12], &[11; 12]) - 48.130_803_608_679_1).abs() < 1e-9);
        assert!((psnr(&[7; 12], &[7; 12]) - PSNR_CAP_DB).abs() < 1e-9);
    }

    /// Catches: the cap is below the smallest measurable error, which makes different frames look
    /// identical.
    #[test]
    fn one_wrong_bit_scores_below_identity() {
        let mut other = vec![100; 32 * 32 * 3];
        other[..600].fill(101);
        assert!(psnr(&vec![100; 32 * 32 * 3], &other) < PSNR_CAP_DB);
    }

    /// Catches: C1 or a window's sum is wrong. Flat frames have no structure, so only (2ab + C1) /
    /// (a² + b² + C1) remains.
    #[test]
    fn ssim_of_flat_frames_is_the_luminance_term() {
        let (a, b) = (50.0_f64, 200.0_f64);
        let expected = (2.0 * a * b + C1) / (a * a + b * b + C1);
        let got = ssim(&vec![50; 16 * 16 * 3], &vec![200; 16 * 16 * 3], 16, 16);
        assert!((got - expected).abs() < 1e-9, "{got} instead of {expected}");
    }

    /// Catches: the axes are swapped; the valid region is wrong. The reference value is from a
    /// script of four loops with a full 2-D kernel and centred moments.
    #[test]
    fn ssim_agrees_with_an_independent_implementation() {
        let got = ssim(&pattern(14, 19, 0), &pattern(14, 19, 3), 14, 19);
        assert!((got - SSIM_REFERENCE).abs() < 1e-9, "{got} instead of {SSIM_REFERENCE}");
    }
    const SSIM_REFERENCE: f64 = 0.916_148_226_215_242_8;

    /// Catches: a 6×4 frame, in which no 11×11 window fits, causes an underflow or gives NaN.
    #[test]
    fn ssim_of_tiny_frames_is_defined() {
        let a = pattern(4, 6, 0);
        assert!((ssim(&a, &a, 4, 6) - 1.0).abs() < 1e-12);
        assert!(ssim(&a, &pattern(4, 6, 9), 4, 6) < 1.0);
    }
}
