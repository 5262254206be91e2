//! The small luma picture that shots, fingerprints and most scores use.
//!
//! A frame is averaged down by a whole factor to at most [`LONGEST`] pixels per side: 160×90
//! becomes 80×45, 64×64 stays. So the results are cheap and nearly independent of the frames' size
//! and encoding. All arithmetic is on integers up to the last division. So the results are the same
//! on every machine.

use std::ops::Range;

use super::shift::Shift;

/// Largest number of pixels of a plane's longer side.
const LONGEST: usize = 80;

/// Luma of one frame, averaged down, and a copy that is about four times coarser.
#[derive(Clone)]
pub struct Plane {
    pub(super) fine: Luma,
    pub(super) coarse: Luma,
    /// Pixels of `fine` per pixel of `coarse`, along each side: 1 to 4.
    pub(super) factor: usize,
}

/// 8-bit luma, row-major, `[height, width]`.
#[derive(Clone)]
pub(super) struct Luma {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

impl Plane {
    /// Averages an RGB frame `[height, width, 3]` down.
    pub fn of(rgb: &[u8], width: usize, height: usize) -> Self {
        let fine = match width.max(height).div_ceil(LONGEST + 1) {
            0 | 1 => Luma::of::<1>(rgb, width, height, 1),
            2 => Luma::of::<2>(rgb, width, height, 2),
            3 => Luma::of::<3>(rgb, width, height, 3),
            factor => Luma::of::<4>(rgb, width, height, factor),
        };
        let factor = (fine.width.min(fine.height) / 11).clamp(1, 4);
        let coarse = fine.reduced(factor);
        Self { fine, coarse, factor }
    }

    /// Returns the side of a cell in pixels of `fine`, about four.
    ///
    /// A cell is the smallest region that scores consider.
    pub(super) fn cell(&self) -> usize {
        self.factor.max(2)
    }

    /// Returns the number of levels between the darkest and the brightest pixel.
    pub fn range(&self) -> u8 {
        let (low, high) =
            self.fine.data.iter().fold((u8::MAX, 0), |(low, high), &p| (low.min(p), high.max(p)));
        high.saturating_sub(low)
    }

    /// Returns by how many levels a pixel is brighter than in `before`, at most.
    pub fn largest_increase(&self, before: &Self) -> u8 {
        let pairs = self.fine.data.iter().zip(&before.fine.data);
        pairs.map(|(now, then)| now.saturating_sub(*then)).max().unwrap_or(0)
    }

    /// Returns the mean absolute difference of cell means to `before`, moved by `shift`.
    ///
    /// The unit is levels (0 to 255). Grain, fine texture and half-pixel motion hardly change it. A
    /// different picture does.
    pub fn cell_difference(&self, before: &Self, shift: Shift) -> f32 {
        let Some((xs, ys)) = self.fine.overlap(shift) else { return 255.0 };
        let side = self.cell();
        let mut sums = vec![0_i32; xs.len().div_ceil(side)];
        let mut total = 0_u64;
        for (row, y) in ys.clone().enumerate() {
            let (now, then) = (self.fine.row(y, &xs, Shift::NONE), before.fine.row(y, &xs, shift));
            for ((sum, now), then) in sums.iter_mut().zip(now.chunks(side)).zip(then.chunks(side)) {
                *sum +=
                    now.iter().zip(then).map(|(&a, &b)| i32::from(a) - i32::from(b)).sum::<i32>();
            }
            if row % side == side - 1 || row + 1 == ys.len() {
                total += sums.iter().map(|sum| u64::from(sum.unsigned_abs())).sum::<u64>();
                sums.fill(0);
            }
        }
        ratio(total, (xs.len() * ys.len()) as u64)
    }

    /// Returns the mean luma of each cell of a grid over the picture, in 1/256 of a level.
    ///
    /// The grid has `columns` by `rows` cells. The result is row-major.
    pub fn grid(&self, columns: usize, rows: usize) -> Vec<u32> {
        let Luma { width, height, data } = &self.fine;
        let mut means = Vec::with_capacity(columns * rows);
        for ys in (0..rows).map(|i| edge(*height, rows, i)..edge(*height, rows, i + 1)) {
            for xs in (0..columns).map(|i| edge(*width, columns, i)..edge(*width, columns, i + 1)) {
                let part = ys.clone().flat_map(|y| &data[y * width..][xs.clone()]);
                let sum: u32 = part.map(|&p| u32::from(p)).sum();
                let count = u32::try_from(xs.len() * ys.len()).unwrap_or(u32::MAX);
                means.push(sum * 256 / count.max(1));
            }
        }
        means
    }
}

impl Luma {
    /// Averages the weighted sum of red, green and blue (BT.601) over squares of `factor` pixels.
    ///
    /// It uses only the first `F` pixels a side of each square.
    fn of<const F: usize>(rgb: &[u8], width: usize, height: usize, factor: usize) -> Self {
        let (columns, rows) = (width / factor, height / factor);
        let area = u32::try_from(F * F).unwrap_or(1);
        let mut data = Vec::with_capacity(columns * rows);
        let mut sums = vec![0_u16; width * 3];
        for lines in rgb.chunks_exact((width * 3 * factor).max(1)).take(rows) {
            sums.fill(0);
            for line in lines.chunks_exact(width * 3).take(F) {
                for (sum, &byte) in sums.iter_mut().zip(line) {
                    *sum += u16::from(byte);
                }
            }
            data.extend(sums.as_chunks::<3>().0.chunks_exact(factor).map(|square| {
                let [mut r, mut g, mut b] = [0_u32; 3];
                for pixel in square.first_chunk::<F>().into_iter().flatten() {
                    r += u32::from(pixel[0]);
                    g += u32::from(pixel[1]);
                    b += u32::from(pixel[2]);
                }
                u8::try_from((77 * r + 150 * g + 29 * b + 128 * area) / (256 * area))
                    .unwrap_or(u8::MAX)
            }));
        }
        Self { width: columns, height: rows, data }
    }

    /// Averages over squares of `factor` pixels.
    fn reduced(&self, factor: usize) -> Self {
        let (width, height) = (self.width / factor, self.height / factor);
        let area = u32::try_from(factor * factor).unwrap_or(1);
        let mut data = Vec::with_capacity(width * height);
        let mut sums = vec![0_u32; width];
        for lines in self.data.chunks_exact((self.width * factor).max(1)).take(height) {
            sums.fill(area / 2);
            for line in lines.chunks_exact(self.width) {
                for (sum, pixels) in sums.iter_mut().zip(line.chunks_exact(factor)) {
                    *sum += pixels.iter().map(|&p| u32::from(p)).sum::<u32>();
                }
            }
            data.extend(sums.iter().map(|sum| u8::try_from(sum / area).unwrap_or(u8::MAX)));
        }
        Self { width, height, data }
    }

    /// Returns the columns and rows that were on the screen before the shift too, if there are any.
    pub fn overlap(&self, shift: Shift) -> Option<(Range<usize>, Range<usize>)> {
        let side = |length: usize, by: isize| {
            let cut = by.unsigned_abs();
            let range = if by >= 0 { cut..length } else { 0..length.checked_sub(cut)? };
            (!range.is_empty()).then_some(range)
        };
        Some((side(self.width, shift.dx)?, side(self.height, shift.dy)?))
    }

    /// Returns the pixels that `shift` moved to columns `xs` of row `y`.
    pub fn row(&self, y: usize, xs: &Range<usize>, shift: Shift) -> &[u8] {
        let start =
            y.wrapping_add_signed(-shift.dy) * self.width + xs.start.wrapping_add_signed(-shift.dx);
        &self.data[start..start + xs.len()]
    }

    /// Returns the mean absolute difference to `before` moved by `shift`, in levels.
    ///
    /// It covers the overlap, on every `every`th row.
    pub fn difference(&self, before: &Self, shift: Shift, every: usize) -> f32 {
        let Some((xs, ys)) = self.overlap(shift) else { return f32::INFINITY };
        let rows = ys.step_by(every);
        let count = rows.len() * xs.len();
        let row = |y| {
            u64::from(absolute_difference(self.row(y, &xs, Shift::NONE), before.row(y, &xs, shift)))
        };
        ratio(rows.map(row).sum(), count as u64)
    }
}

/// Returns the sum of absolute differences.
pub(super) fn absolute_difference(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum()
}

/// Returns where part `i` of `parts` begins along a side of `length` pixels.
pub(super) fn edge(length: usize, parts: usize, i: usize) -> usize {
    i * length / parts
}

/// Returns `part / whole`, or 0 if `whole` is 0.
#[expect(clippy::cast_possible_truncation, reason = "a score needs seven digits")]
pub(super) fn ratio(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64) as f32 }
}
