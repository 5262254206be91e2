//! Which cells of the small picture change between two frames.

use super::plane::{Plane, absolute_difference};

/// Mean absolute difference, in levels of 255, from which on a cell has changed.
///
/// Encoding changes cells by about one level, and ground that scrolls by half a pixel by nine.
const CHANGED: usize = 12;
/// Number of cells that an object may move from one sampled frame to the next.
const REACH: usize = 2;

/// The cells of a picture that changed, row-major.
pub struct ChangedCells {
    columns: usize,
    cells: Vec<bool>,
}

impl ChangedCells {
    /// The cells that differ between two frames of the same size.
    pub fn between(before: &Plane, now: &Plane) -> Self {
        let (side, width) = (now.cell(), now.fine.width);
        let columns = width.div_ceil(side).max(1);
        let rows = now.fine.height.div_ceil(side);
        let (mut sums, mut pixels) = (vec![0; columns * rows], vec![0; columns * rows]);
        let lines = before.fine.data.chunks(width.max(1)).zip(now.fine.data.chunks(width.max(1)));
        for (y, (before, now)) in lines.enumerate() {
            for (x, (before, now)) in before.chunks(side).zip(now.chunks(side)).enumerate() {
                let cell = y / side * columns + x;
                sums[cell] += absolute_difference(before, now) as usize;
                pixels[cell] += now.len();
            }
        }
        let cells = sums.iter().zip(pixels).map(|(&sum, pixels)| sum >= CHANGED * pixels);
        Self { columns, cells: cells.collect() }
    }

    /// Returns the number of cells that changed.
    pub fn count(&self) -> usize {
        self.cells.iter().filter(|changed| **changed).count()
    }

    /// Returns the share of cells that changed, 0 to 1.
    pub fn share(&self) -> f32 {
        self.count() as f32 / self.cells.len().max(1) as f32
    }

    /// Returns how many of these cells changed just before, and change no more afterwards.
    ///
    /// They are near cells of `before`, and far from all cells of `after`.
    pub fn left_behind(&self, before: &Self, after: &Self) -> usize {
        let (before, after) = (before.places(), after.places());
        let is_left = |at: &(usize, usize)| is_near(*at, &before) && !is_near(*at, &after);
        self.places().iter().filter(|at| is_left(at)).count()
    }

    /// Columns and rows of the cells that changed.
    fn places(&self) -> Vec<(usize, usize)> {
        let changed = self.cells.iter().enumerate().filter(|(_, changed)| **changed);
        changed.map(|(cell, _)| (cell % self.columns, cell / self.columns)).collect()
    }
}

/// Returns whether one of some cells is near a cell.
fn is_near((x, y): (usize, usize), cells: &[(usize, usize)]) -> bool {
    cells.iter().any(|&(a, b)| a.abs_diff(x) <= REACH && b.abs_diff(y) <= REACH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::synthetic::{clip, plain, world};

    /// A still world with a figure whose left edge is at a column.
    fn figure(x: usize) -> Plane {
        let figure = plain(160, 90, [250, 240, 30]);
        let frames = clip([world(1, 160, 90, 0, 0).over(&figure, x..x + 10, 40..54)]);
        Plane::of(&frames.data, 160, 90)
    }

    /// Catches: a figure that walks on counts as one that jumped, or one that jumped as walking on.
    #[test]
    fn a_figure_that_walks_on_leaves_nothing_behind() {
        let left = |x: [usize; 4]| {
            let [earlier, before, first, second] = x.map(figure);
            let gap = ChangedCells::between(&before, &first);
            let (steps, after) =
                (ChangedCells::between(&earlier, &before), ChangedCells::between(&first, &second));
            (gap.left_behind(&steps, &after), gap.count())
        };
        let (behind, all) = left([36, 40, 44, 48]);
        assert!(behind == 0 && all > 1, "{behind} of {all}");
        let (behind, all) = left([36, 40, 110, 114]);
        assert!(3 * behind >= all && all > 3, "{behind} of {all}");
        assert_eq!(left([36, 40, 40, 44]), (0, 0));
        assert_eq!(left([70, 40, 110, 114]).0, behind, "it came from elsewhere");
    }
}
