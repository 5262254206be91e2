//! Loops compiled for the vector instructions of this machine, without `unsafe`.
//!
//! `pulp` chooses the instruction set at run time, and the compiler vectorises the loop for it.
//! Results do not depend on the number of threads. They may differ in the last bit between
//! instruction sets, because of fused multiply-add.

use pulp::{Arch, Simd, WithSimd};

/// A loop for vector instructions; `run` and all that it calls must be `#[inline(always)]`.
pub trait Loop {
    /// Runs the loop; with `FMA` the machine multiplies and adds in one instruction ([`madd`]).
    fn run<const FMA: bool>(self);
}

struct Vectorised<L>(L);

impl<L: Loop> WithSimd for Vectorised<L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        if S::IS_SCALAR { self.0.run::<false>() } else { self.0.run::<true>() }
    }
}

/// Runs `task` with the widest instructions of this machine.
pub fn run(task: impl Loop) {
    Arch::new().dispatch(Vectorised(task));
}

/// `a * b + c`, fused only if the machine has an instruction for it (else it is a library call).
#[inline(always)]
pub fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `eˣ` with an error of at most 2 ulp for `x ≤ 88`; 0 below -87.
///
/// Reduction and polynomial are those of Cephes. There are no branches, so loops over it vectorise.
#[inline(always)]
pub fn exp<const FMA: bool>(x: f32) -> f32 {
    // 1.5 · 2²³: adding it rounds to an integer, which is then in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = madd::<FMA>(x, std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    let r = madd::<FMA>(n, -0.693_359_4, x);
    let r = madd::<FMA>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = madd::<FMA>(p, r, coefficient);
    }
    let p = madd::<FMA>(p * r, r, r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

/// Distribution and density `(Φ(x), φ(x))` of the standard normal.
///
/// The absolute error of `Φ` is below 1e-7 [Abramowitz and Stegun, 7.1.26].
#[inline(always)]
pub fn normal<const FMA: bool>(x: f32) -> (f32, f32) {
    let gauss = exp::<FMA>(-0.5 * x * x);
    let k = 1.0 / madd::<FMA>(x.abs(), 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2, 1.0);
    let mut p = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = madd::<FMA>(p, k, coefficient);
    }
    let tail = 0.5 * p * k * gauss;
    let phi = if x >= 0.0 { 1.0 - tail } else { tail };
    (phi, gauss * 0.398_942_3)
}

/// Number of entries that one iteration takes, each in its own lane.
const LANES: usize = 16;

/// Folds rows of the same length into `LANES` lanes; entry i goes to lane `i % LANES`.
///
/// A loop over all entries that computes `i % LANES` has the same result, but the compiler does not
/// vectorise it.
#[inline(always)]
fn fold<const K: usize>(
    rows: [&[f32]; K],
    start: f32,
    mut into: impl FnMut(&mut f32, [f32; K]),
) -> [f32; LANES] {
    let mut lanes = [start; LANES];
    let whole = rows[0].len() / LANES * LANES;
    for from in (0..whole).step_by(LANES) {
        let parts: [&[f32; LANES]; K] =
            rows.map(|row| row[from..from + LANES].try_into().expect("a slice of that length"));
        for (l, lane) in lanes.iter_mut().enumerate() {
            into(lane, parts.map(|part| part[l]));
        }
    }
    for (lane, i) in lanes.iter_mut().zip(whole..rows[0].len()) {
        into(lane, rows.map(|row| row[i]));
    }
    lanes
}

/// The sum of `value` over the entries of rows of the same length.
#[inline(always)]
pub fn sum<const K: usize>(rows: [&[f32]; K], value: impl Fn([f32; K]) -> f32) -> f32 {
    fold(rows, 0.0, |lane, entries| *lane += value(entries)).iter().sum()
}

/// The largest entry; -∞ for an empty row.
#[inline(always)]
pub fn largest(row: &[f32]) -> f32 {
    let larger = |top: f32, x: f32| if x > top { x } else { top };
    let lanes = fold([row], f32::NEG_INFINITY, |lane, [x]| *lane = larger(*lane, x));
    lanes.into_iter().fold(f32::NEG_INFINITY, larger)
}

/// Rows of a tile of [`matmul`].
const ROWS: usize = 6;
/// Columns of a tile of [`matmul`]; callers pad columns to a multiple of it.
pub const COLUMNS: usize = 16;

/// The next multiple of [`COLUMNS`].
pub fn padded(n: usize) -> usize {
    n.next_multiple_of(COLUMNS)
}

/// The left factor of [`matmul`], with any strides, so that a transpose needs no copy.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub data: &'a [f32],
    pub row: usize,
    pub column: usize,
}

/// `c = a · b` for `a` `[m, k]`, `b` `[k, n]` and `c` `[m, n]`.
///
/// `b` and `c` are row-major and contiguous; n is a multiple of [`COLUMNS`].
#[inline(always)]
pub fn matmul<const FMA: bool>(
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
    m: usize,
    k: usize,
    n: usize,
) {
    for j in (0..n).step_by(COLUMNS) {
        let mut i = 0;
        while i + ROWS <= m {
            tile::<FMA, ROWS>(a, b, c, (i, j), k, n);
            i += ROWS;
        }
        while i < m {
            tile::<FMA, 1>(a, b, c, (i, j), k, n);
            i += 1;
        }
    }
}

/// The tile of `R` rows and [`COLUMNS`] columns of [`matmul`] at row `i` and column `j`.
#[inline(always)]
fn tile<const FMA: bool, const R: usize>(
    a: Left<'_>,
    b: &[f32],
    c: &mut [f32],
    (i, j): (usize, usize),
    k: usize,
    n: usize,
) {
    let mut sums = [[0f32; COLUMNS]; R];
    for kk in 0..k {
        let row: &[f32; COLUMNS] =
            b[kk * n + j..][..COLUMNS].try_into().expect("a slice of that length");
        for (r, sum) in sums.iter_mut().enumerate() {
            let factor = a.data[(i + r) * a.row + kk * a.column];
            for (total, value) in sum.iter_mut().zip(row) {
                *total = madd::<FMA>(factor, *value, *total);
            }
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        c[(i + r) * n + j..][..COLUMNS].copy_from_slice(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: entries at the end of a row are skipped or used twice.
    #[test]
    fn sums_and_maxima_are_of_all_entries() {
        for n in [0, 1, 15, 16, 17, 31, 32, 50] {
            let row: Vec<f32> = (0..n).map(|i| ((i * 7 + 3) % 11) as f32 - 20.0).collect();
            let other: Vec<f32> = (0..n).map(|i| (i % 5) as f32).collect();
            // Small whole numbers, so that sums are exact in any order.
            assert_eq!(
                sum([&row, &other], |[a, b]| a * b),
                row.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>()
            );
            assert_eq!(largest(&row), row.iter().copied().fold(f32::NEG_INFINITY, f32::max), "{n}");
        }
    }
}
