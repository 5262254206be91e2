//! How the whole picture scrolls between two frames.

/// Difference of two grey values, from 0 to 255, above which a pixel counts as wrong.
const WRONG: f32 = 24.0;
/// Pixels that are compared at most; of large frames, only some rows are compared.
const COMPARED: usize = 4096;
/// Number of directions of [`Scroll::direction`].
pub const DIRECTIONS: usize = 5;

/// A motion of the whole picture.
#[derive(Clone, Copy, Debug)]
pub struct Scroll {
    /// Pixels by which the content moves down, negative if it moves up.
    pub down: isize,
    /// Pixels by which the content moves to the right, negative if it moves to the left.
    pub right: isize,
    /// Mean error of this motion.
    pub error: f32,
    /// Mean error of no motion.
    pub still: f32,
}

impl Scroll {
    /// The motion with the smallest error, of all motions up to an eighth of the frame.
    ///
    /// Of equal motions it is the smallest one.
    pub fn between(before: &[f32], after: &[f32], (height, width): (usize, usize)) -> Self {
        let still = error(before, after, (height, width), (0, 0));
        let reach = |side: usize| (side / 8).max(1) as isize;
        let (down, right) = (reach(height), reach(width));
        let mut motions: Vec<(isize, isize)> =
            (-down..=down).flat_map(|y| (-right..=right).map(move |x| (y, x))).collect();
        motions.sort_by_key(|(y, x)| y.abs() + x.abs());
        motions
            .into_iter()
            .map(|motion| (motion, error(before, after, (height, width), motion)))
            .fold(
                Self { down: 0, right: 0, error: still, still },
                |best, ((down, right), error)| {
                    if error < best.error { Self { down, right, error, still } } else { best }
                },
            )
    }

    /// 0 if the picture does not scroll, else 1 to 4: mostly down, up, to the right, to the left.
    pub fn direction(self) -> u8 {
        let (down, right) = (self.down, self.right);
        if (down, right) == (0, 0) {
            0
        } else if down.abs() >= right.abs() {
            if down > 0 { 1 } else { 2 }
        } else if right > 0 {
            3
        } else {
            4
        }
    }
}

/// Mean error of a motion, over the pixels that it brings from inside the frame.
fn error(
    before: &[f32],
    after: &[f32],
    (height, width): (usize, usize),
    (down, right): (isize, isize),
) -> f32 {
    let step = (height * width).div_ceil(COMPARED).max(1);
    // First target and first source along an axis, and how many pixels there are.
    let overlap = |side: usize, by: isize| {
        let by_pixels = by.unsigned_abs();
        let (to, from) = if by > 0 { (by_pixels, 0) } else { (0, by_pixels) };
        (to, from, side - by_pixels)
    };
    let ((to_y, from_y, rows), (to_x, from_x, columns)) =
        (overlap(height, down), overlap(width, right));
    let (mut sum, mut count) = (0.0, 0);
    for row in (0..rows).step_by(step) {
        let after = &after[(to_y + row) * width + to_x..][..columns];
        let before = &before[(from_y + row) * width + from_x..][..columns];
        sum += after.iter().zip(before).map(|(a, b)| (a - b).abs().min(WRONG)).sum::<f32>();
        count += columns;
    }
    sum / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::noise;

    /// Catches: rows and columns or the signs are exchanged, or a flat picture scrolls.
    #[test]
    fn the_scroll_is_the_motion_of_the_content() {
        let (height, width) = (24, 16);
        let texture: Vec<f32> = noise(40 * 40, 1).into_iter().map(f32::from).collect();
        let view = |top: usize, left: usize| -> Vec<f32> {
            (0..height * width)
                .map(|at| texture[(top + at / width) * 40 + left + at % width])
                .collect()
        };
        for (top, left, down, right, direction) in [
            (8, 9, 0, 0, 0),
            (6, 10, 2, -1, 1),
            (11, 9, -3, 0, 2),
            (9, 7, -1, 2, 3),
            (8, 11, 0, -2, 4),
        ] {
            let scroll = Scroll::between(&view(8, 9), &view(top, left), (height, width));
            assert_eq!((scroll.down, scroll.right), (down, right));
            assert_eq!(scroll.direction(), direction);
            assert!(scroll.error < 1e-6);
        }
        let flat = vec![7.0; height * width];
        assert_eq!(Scroll::between(&flat, &flat, (height, width)).direction(), 0);
    }
}
