//! The picture as two layers: one scrolls, one stays in place on the screen.
//!
//! The layer that stays is a HUD, a banner or the frame of a face camera. Each cell of about 4×4
//! pixels of the small luma picture is compared with its old place on the screen and with its old
//! place under one common translation ([`Plane::layer_shift_from`]). The better match decides the
//! cell's layer. Change that neither place explains is new.

use crate::analysis::plane::{Plane, absolute_difference, ratio};
use crate::analysis::shift::Shift;

/// Smallest share of the change that the translation explains in a scrolling pair of frames.
const EXPLAINED: f32 = 0.3;

/// Smallest share of the cells that move in a scrolling pair. It is more than a figure covers.
const AREA: f32 = 0.1;

/// Fewer scrolling pairs than this give no overlay score.
const LEAST_PAIRS: u64 = 6;

/// Smallest mean difference, in levels, for which a cell shows how it moves. A plain sky has less.
const TEXTURE: f32 = 6.0;

/// A moving cell changes along the translation by at most this share of its change on the screen.
const MOVES: f32 = 0.6;

/// A cell stays in place if, over all scrolling pairs, it changes by at most this share.
///
/// The share is of the change that scrolling would have caused.
const STAYS: f32 = 0.25;

/// Sums over pairs of frames.
pub(super) struct Layers {
    cells: Vec<CellChange>,
    columns: usize,
    side: usize,
    scrolling_pairs: u64,
    change: u64,
    scrolled: u64,
    new: u64,
    pixels: u64,
}

/// Absolute differences within a cell.
#[derive(Clone, Copy, Default)]
struct CellChange {
    on_screen: u64,
    in_world: u64,
    pixels: u64,
}

impl Layers {
    /// Creates the sums for planes of this plane's size.
    pub fn new(plane: &Plane) -> Self {
        let side = plane.cell();
        let (columns, rows) = (plane.fine.width.div_ceil(side), plane.fine.height.div_ceil(side));
        let cells = vec![CellChange::default(); columns * rows];
        Self { cells, columns, side, scrolling_pairs: 0, change: 0, scrolled: 0, new: 0, pixels: 0 }
    }

    /// Adds a pair of neighbouring frames.
    pub fn add(&mut self, before: &Plane, now: &Plane) {
        let cells = self.compare(before, now, now.layer_shift_from(before));
        let change: u64 = cells.iter().map(|cell| cell.on_screen).sum();
        let new: u64 = cells.iter().map(|cell| cell.on_screen.min(cell.in_world)).sum();
        self.change += change;
        self.new += new;
        self.pixels += cells.iter().map(|cell| cell.pixels).sum::<u64>();
        let moving = cells.iter().filter(|cell| cell.moves()).count();
        if ratio(change - new, change) >= EXPLAINED
            && ratio(moving as u64, cells.len() as u64) >= AREA
        {
            self.scrolling_pairs += 1;
            self.scrolled += change - new;
            for (sum, cell) in self.cells.iter_mut().zip(cells) {
                sum.on_screen += cell.on_screen;
                sum.in_world += cell.in_world;
                sum.pixels += cell.pixels;
            }
        }
    }

    fn compare(&self, before: &Plane, now: &Plane, shift: Shift) -> Vec<CellChange> {
        let mut cells = vec![CellChange::default(); self.cells.len()];
        let Some((xs, ys)) = now.fine.overlap(shift) else { return cells };
        for y in ys {
            let row = y / self.side * self.columns;
            // Only whole cells, so that a few pixels at the edge do not decide for a cell.
            for column in xs.start.div_ceil(self.side)..xs.end / self.side {
                let part = column * self.side..(column + 1) * self.side;
                let here = now.fine.row(y, &part, Shift::NONE);
                let cell = &mut cells[row + column];
                cell.on_screen +=
                    u64::from(absolute_difference(here, before.fine.row(y, &part, Shift::NONE)));
                cell.in_world +=
                    u64::from(absolute_difference(here, before.fine.row(y, &part, shift)));
                cell.pixels += self.side as u64;
            }
        }
        cells
    }

    /// Returns the share of all change that scrolling explains, 0 to 1.
    pub fn scroll(&self) -> f32 {
        ratio(self.scrolled, self.change)
    }

    /// Returns the share of cells that stay in place while the rest scrolls, 0 to 1.
    ///
    /// It is 0 if nothing scrolls.
    pub fn overlay(&self) -> f32 {
        if self.scrolling_pairs < LEAST_PAIRS {
            return 0.0;
        }
        ratio(self.cells.iter().filter(|cell| cell.stays()).count() as u64, self.cells.len() as u64)
    }

    /// Returns the mean change that neither staying nor the translation explains, in levels.
    pub fn unexplained(&self) -> f32 {
        ratio(self.new, self.pixels)
    }
}

impl CellChange {
    fn moves(&self) -> bool {
        let (on_screen, in_world) = self.levels();
        on_screen >= TEXTURE && in_world <= MOVES * on_screen
    }

    fn stays(&self) -> bool {
        let (on_screen, in_world) = self.levels();
        in_world >= TEXTURE && on_screen <= STAYS * in_world
    }

    fn levels(&self) -> (f32, f32) {
        (ratio(self.on_screen, self.pixels), ratio(self.in_world, self.pixels))
    }
}
