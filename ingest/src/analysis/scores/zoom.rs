//! Detects a camera that moves into or out of the picture.
//!
//! No platformer does that. Fractals, rides and first-person games do.

use crate::analysis::plane::{Luma, Plane, ratio};
use crate::analysis::shift::Shift;

/// Distance in frames of the two compared frames. A zoom between neighbours is too small to see.
pub(super) const LAG: usize = 8;

/// Sizes that the earlier picture may have had, in thousandths of the later picture's size.
const SIZES: [i64; 12] = [800, 850, 900, 930, 950, 970, 1030, 1050, 1075, 1110, 1180, 1250];

/// A pair that differs by fewer levels after translation does not count.
const LEAST_CHANGE: f32 = 1.0;

/// Returns the remaining change of a pair of frames, in levels.
///
/// The first value is after the best translation. The second is after the best of that translation
/// and the zooms about the centre.
pub(super) fn left(before: &Plane, now: &Plane) -> (f32, f32) {
    let (_, translated) = now.shift_from(before, Shift::NONE);
    if translated < LEAST_CHANGE {
        return (0.0, 0.0);
    }
    let zooms = SIZES.iter().map(|&size| zoomed(&before.fine, &now.fine, size));
    (translated, zooms.fold(translated, f32::min))
}

/// Returns the mean absolute difference to `before` scaled about the centre, on every second row.
fn zoomed(before: &Luma, now: &Luma, size: i64) -> f32 {
    let (columns, rows) = (sources(now.width, size), sources(now.height, size));
    let (mut sum, mut count) = (0, 0);
    for (y, from) in rows.iter().enumerate().step_by(2) {
        let Some(from) = from else { continue };
        let (now, before) = (&now.data[y * now.width..], &before.data[from * before.width..]);
        for (&now, from) in now.iter().zip(&columns) {
            if let Some(from) = from {
                sum += u64::from(now.abs_diff(before[*from]));
                count += 1;
            }
        }
    }
    ratio(sum, count)
}

/// Returns for each pixel of a line its position before the zoom, or `None` if it was off screen.
fn sources(length: usize, size: i64) -> Vec<Option<usize>> {
    let n = i64::try_from(length).unwrap_or(0);
    let source = |i: i64| {
        // In half pixels from the centre, so that the middle of a pixel is a whole number.
        let from = ((2 * i + 1 - n) * size).div_euclid(1000);
        usize::try_from((from + n).div_euclid(2)).ok().filter(|&from| from < length)
    };
    (0..n).map(source).collect()
}
