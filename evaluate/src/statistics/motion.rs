//! Motion between two frames: of the whole picture, and of the figure that moves against it.
//!
//! In a platformer, an action shows in two ways: the camera follows and everything scrolls, or the
//! figure moves on the screen. The motion of the figure in the world is the difference of the two.
//! Both are found by block matching:
//!
//! - **Scroll** is the one translation that best matches the blocks to the frame before. It must
//!   improve a minimum share of the picture; otherwise it is the motion of something small.
//! - Blocks that still differ after the scroll are searched for their own translation. The
//!   **figure**'s motion is their weighted median minus the scroll. The weight of a block is the
//!   difference that its translation removes.
//!
//! Translations are whole pixels, at most an eighth of the picture's longer side. x grows to the
//! right, y downwards. If several translations match equally well, the smallest one counts, so a
//! periodic floor shows no motion.

use genie_shards::Motions;

use crate::statistics::pixels::luma;

/// Blocks along the picture's longer side; neighbours overlap by half.
///
/// The size of a block is within the two bounds, in pixels.
const BLOCKS: usize = 8;
const SMALLEST: usize = 4;
const LARGEST: usize = 16;
/// Largest mean difference per pixel that counts, in levels of 255.
///
/// A block that was hidden in the frame before has no match. Without a limit, it would outweigh
/// others.
const CAP: u32 = 24;
/// Least improvement of a scroll, in levels per pixel: codecs and tokenizers make smaller noise.
const NOISE: f64 = 0.25;
/// Smallest share of blocks that a scroll must improve: a figure covers less.
const SCROLLING: f64 = 0.125;
/// Blocks that differ by more levels per pixel after the scroll do not belong to the background.
const FIGURE: u32 = 4;

/// Motion between two frames, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FrameMotion {
    /// Motion of the whole picture, along x and y.
    pub scroll: [f32; 2],
    /// Motion of the figure minus the scroll, along x and y.
    pub figure: [f32; 2],
}

impl FrameMotion {
    /// Returns the mean of several motions; zero if there are none.
    #[must_use]
    pub fn mean(motions: impl ExactSizeIterator<Item = FrameMotion>) -> FrameMotion {
        let count = motions.len().max(1) as f32;
        let add = |[ax, ay]: [f32; 2], [bx, by]: [f32; 2]| [ax + bx / count, ay + by / count];
        motions.fold(FrameMotion::default(), |sum, one| FrameMotion {
            scroll: add(sum.scroll, one.scroll),
            figure: add(sum.figure, one.figure),
        })
    }

    /// Returns scroll along x and y, then figure along x and y.
    #[must_use]
    pub fn parts(self) -> [f32; 4] {
        [self.scroll[0], self.scroll[1], self.figure[0], self.figure[1]]
    }
}

/// Converts motions to one list per component.
#[must_use]
pub fn lists(motions: impl Iterator<Item = FrameMotion>) -> Motions {
    let mut lists = Motions::default();
    for motion in motions {
        for (list, part) in lists.parts_mut().into_iter().zip(motion.parts()) {
            list.push(f64::from(part));
        }
    }
    lists
}

/// Converts one list per component to motions.
pub fn from_lists(lists: &Motions) -> impl Iterator<Item = FrameMotion> + '_ {
    let at = |i: usize| {
        let [scroll_x, scroll_y, figure_x, figure_y] = lists.parts().map(|list| list[i] as f32);
        FrameMotion { scroll: [scroll_x, scroll_y], figure: [figure_x, figure_y] }
    };
    (0..lists.scroll_x.len()).map(at)
}

/// Measures the motion from `before` to `after`, both RGB `[height, width, 3]`.
///
/// # Panics
/// Panics if a frame is not `height · width · 3` bytes.
#[must_use]
pub fn motion(before: &[u8], after: &[u8], height: usize, width: usize) -> FrameMotion {
    let expected = height * width * 3;
    assert!(
        before.len() == expected && after.len() == expected,
        "frames of a motion must be {width}×{height}"
    );
    if before == after {
        return FrameMotion::default();
    }
    let plane = |rgb: &[u8]| luma(rgb).iter().map(|value| value.round() as u8).collect::<Vec<u8>>();
    let half = (height.max(width) / BLOCKS).clamp(SMALLEST, LARGEST) / 2;
    let matcher = BlockMatcher { before: plane(before), after: plane(after), height, width, half };
    let shifts = matcher.shifts();
    let changes: Vec<Vec<Option<u32>>> =
        shifts.iter().map(|&shift| matcher.changes(shift)).collect();
    let area = (4 * half * half) as u32;
    let scroll = scroll(&changes, area);
    FrameMotion {
        scroll: shifts[scroll].map(|by| by as f32),
        figure: figure(&changes, &shifts, scroll, area),
    }
}

/// Two luma planes, divided into cells of `half` × `half` pixels; 2 × 2 cells are a block.
struct BlockMatcher {
    before: Vec<u8>,
    after: Vec<u8>,
    height: usize,
    width: usize,
    half: usize,
}

impl BlockMatcher {
    /// Returns all translations, the smallest first: the first one is the zero translation.
    fn shifts(&self) -> Vec<[isize; 2]> {
        let reach = (self.height.max(self.width) / 8).max(1).cast_signed();
        let mut shifts: Vec<_> =
            (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| [x, y])).collect();
        shifts.sort_by_key(|[x, y]| x * x + y * y);
        shifts
    }

    /// Returns the difference of every block to the frame before, under a translation.
    ///
    /// The unit is levels, summed over the block. `None` for a block that lies outside of the frame
    /// before.
    fn changes(&self, [dx, dy]: [isize; 2]) -> Vec<Option<u32>> {
        let (rows, columns) = (self.height / self.half, self.width / self.half);
        let cells: Vec<Vec<Option<u32>>> =
            (0..rows).map(|row| self.cells(row, columns, [dx, dy])).collect();
        let most = CAP * (4 * self.half * self.half) as u32;
        let blocks = cells.windows(2).flat_map(|pair| {
            let sides = pair[0].windows(2).zip(pair[1].windows(2));
            sides.map(|(above, below)| {
                Some((above[0]? + above[1]? + below[0]? + below[1]?).min(most))
            })
        });
        blocks.collect()
    }

    /// Returns the difference of each cell in a row of cells, as [`Self::changes`] does for blocks.
    fn cells(&self, row: usize, columns: usize, [dx, dy]: [isize; 2]) -> Vec<Option<u32>> {
        // The columns `inside` are in the frame before, too.
        let inside = dx.max(0) as usize..self.width.saturating_add_signed(dx.min(0));
        if inside.is_empty() {
            return vec![None; columns];
        }
        let mut sums = vec![0_u16; self.width];
        for y in row * self.half..(row + 1) * self.half {
            let Some(then) = y.checked_add_signed(-dy).filter(|&then| then < self.height) else {
                return vec![None; columns];
            };
            let now = &self.after[y * self.width..][inside.clone()];
            let then = &self.before[then * self.width..][inside.start.wrapping_add_signed(-dx)..]
                [..inside.len()];
            for ((sum, &a), &b) in sums[inside.clone()].iter_mut().zip(now).zip(then) {
                *sum += u16::from(a.abs_diff(b));
            }
        }
        let cell = |column: usize| {
            let span = column * self.half..(column + 1) * self.half;
            let known = inside.start <= span.start && span.end <= inside.end;
            known.then(|| sums[span].iter().map(|&sum| u32::from(sum)).sum())
        };
        (0..columns).map(cell).collect()
    }
}

/// Returns the index of the translation that is the scroll.
///
/// `changes` has the differences of every block for every translation.
fn scroll(changes: &[Vec<Option<u32>>], area: u32) -> usize {
    let still = &changes[0];
    let saved = |shift: usize| {
        let (mut known, mut nearer, mut total) = (0_u32, 0_u32, 0);
        for (before, after) in still.iter().zip(&changes[shift]) {
            let (Some(before), Some(after)) = (before, after) else { continue };
            let saved = i64::from(*before) - i64::from(*after);
            known += 1;
            nearer += u32::from(saved > i64::from(area));
            total += saved;
        }
        let each = total as f64 / f64::from(known.max(1)) / f64::from(area);
        (f64::from(nearer) >= SCROLLING * still.len() as f64).then_some(each)
    };
    let mut best = (NOISE, 0);
    for shift in 1..changes.len() {
        if let Some(each) = saved(shift)
            && each > best.0
        {
            best = (each, shift);
        }
    }
    best.1
}

/// Returns the motion, minus the scroll, of the blocks that the scroll does not explain.
fn figure(
    changes: &[Vec<Option<u32>>],
    shifts: &[[isize; 2]],
    scroll: usize,
    area: u32,
) -> [f32; 2] {
    let vote = |block: usize| {
        let left = changes[scroll][block].filter(|&left| left > FIGURE * area)?;
        let known =
            changes.iter().enumerate().filter_map(|(shift, blocks)| Some((blocks[block]?, shift)));
        let (least, own) = known.min_by_key(|&(value, _)| value)?;
        Some((own, left - least))
    };
    let votes: Vec<(usize, u32)> = (0..changes[scroll].len()).filter_map(vote).collect();
    [0, 1].map(|axis| {
        median(
            votes.iter().map(|&(own, weight)| (shifts[own][axis] - shifts[scroll][axis], weight)),
        )
    })
}

/// Returns the weighted median; zero if there are no votes.
fn median(votes: impl Iterator<Item = (isize, u32)>) -> f32 {
    let mut votes: Vec<_> = votes.collect();
    votes.sort_unstable();
    let half = votes.iter().map(|&(_, weight)| u64::from(weight)).sum::<u64>().div_ceil(2);
    let mut sum = 0;
    let middle = votes.iter().find(|&&(_, weight)| {
        sum += u64::from(weight);
        sum >= half
    });
    middle.map_or(0.0, |&(value, _)| value as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 64;

    /// A scene of uneven ground from a camera at `camera`, with a figure at (x, y) of the screen.
    fn scene(camera: usize, x: usize, y: usize) -> Vec<u8> {
        let pixel = |i: usize| {
            let (row, column) = (i / SIDE, i % SIDE);
            let world = column + camera;
            if (x..x + 8).contains(&column) && (y..y + 8).contains(&row) {
                // The figure has an eye, so its motion shows inside of it, too.
                return if column == x + 6 && row == y + 2 { [10, 10, 10] } else { [220, 60, 50] };
            }
            let height = 40 + (world / 8 * 37 % 5) * 3;
            if row < height {
                [120, 180, 240]
            } else {
                let shade = (world * 7 + row * 13) / 4 % 3 * 40;
                [shade as u8 + 60, 120, 40]
            }
        };
        (0..SIDE * SIDE).flat_map(pixel).collect()
    }

    fn close(found: [f32; 2], expected: [f32; 2]) {
        let error = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 0.75, "{found:?} instead of {expected:?}");
    }

    /// Catches: a sign is wrong; x and y are exchanged; a figure's motion depends on whether the
    /// camera follows it.
    #[test]
    fn a_figure_moves_alike_on_a_still_and_on_a_following_camera() {
        let walks = motion(&scene(0, 20, 32), &scene(0, 23, 32), SIDE, SIDE);
        close(walks.scroll, [0.0, 0.0]);
        close(walks.figure, [3.0, 0.0]);
        let followed = motion(&scene(5, 28, 32), &scene(8, 28, 32), SIDE, SIDE);
        close(followed.scroll, [-3.0, 0.0]);
        close(followed.figure, [3.0, 0.0]);
        let jumps = motion(&scene(5, 28, 30), &scene(8, 28, 25), SIDE, SIDE);
        close(jumps.scroll, [-3.0, 0.0]);
        close(jumps.figure, [3.0, -5.0]);
    }

    /// Catches: noise of a codec or a tokenizer counts as motion.
    #[test]
    fn noise_does_not_move() {
        let before = scene(3, 20, 30);
        let after: Vec<u8> = before
            .iter()
            .enumerate()
            .map(|(i, &v)| v.saturating_add((i * 7919 % 5) as u8))
            .collect();
        assert_eq!(motion(&before, &after, SIDE, SIDE), FrameMotion::default());
        assert_eq!(motion(&before, &before, SIDE, SIDE), FrameMotion::default());
    }

    /// Catches: frames that are smaller than a block, or not square, cause a panic.
    #[test]
    fn small_and_oblong_frames_are_measured() {
        for (height, width) in [(4, 4), (9, 160), (90, 7)] {
            let frame: Vec<u8> = (0..height * width * 3).map(|i| (i * 31 % 251) as u8).collect();
            let other: Vec<u8> = frame.iter().rev().copied().collect();
            let moved = motion(&frame, &other, height, width);
            assert!(moved.figure.iter().all(|value| value.is_finite()));
        }
    }
}
