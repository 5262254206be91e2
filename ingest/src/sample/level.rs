//! A level of the sample game: a grid of solid tiles with moving platforms.
//!
//! A single screen has 8×8 tiles of 16 pixels, so at 32×32 pixels a tile is one 4×4 patch. A level
//! has a floor of changing height (steps and pits) and one or two floating platforms per screen.

/// Side of a tile in pixels.
pub const TILE: i32 = 16;
/// Height of a level in tiles.
pub const ROWS: usize = 8;
/// Width of one screen in tiles.
pub const SCREEN: usize = 8;

/// The solid tiles, and the start positions of the player and the moving platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    pub columns: usize,
    /// Indexed by `row * columns + column`.
    pub(super) solid: Vec<bool>,
    /// Top left corner of the player at the start, in pixels.
    pub start: (i32, i32),
    pub movers: Vec<Mover>,
}

/// A platform of two tiles that slides back and forth. The player can jump onto it from below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mover {
    /// Left end of its path in pixels.
    pub x: i32,
    /// Top edge at the start of its path in pixels.
    pub y: i32,
    /// Length of its path in pixels; a multiple of [`Mover::SPEED`].
    pub travel: i32,
    pub vertical: bool,
    /// Position on its path (there and back) at the start, in tenths of a second.
    pub phase: i32,
}

impl Mover {
    pub const WIDTH: i32 = 2 * TILE;
    pub const HEIGHT: i32 = TILE / 2;
    /// Pixels per tenth of a second: half of the player's speed.
    pub const SPEED: i32 = 4;
}

impl Level {
    /// Makes a level from rows of text, `#` for solid and `@` for the start.
    #[cfg(test)]
    pub fn from_text(rows: &[&str]) -> Self {
        let columns = rows[0].len();
        let mut level = Self { columns, solid: Vec::new(), start: (0, 0), movers: Vec::new() };
        for (row, text) in rows.iter().enumerate() {
            for (column, tile) in text.bytes().enumerate() {
                level.solid.push(tile == b'#');
                if tile == b'@' {
                    level.start = (column as i32 * TILE, row as i32 * TILE);
                }
            }
        }
        level
    }

    /// Makes a tile solid.
    pub(super) fn set(&mut self, row: usize, column: usize) {
        self.solid[row * self.columns + column] = true;
    }

    /// Returns whether a tile is solid. All tiles outside the level are solid, also above it.
    pub fn is_solid(&self, row: i32, column: i32) -> bool {
        let inside = (0..ROWS as i32).contains(&row) && (0..self.columns as i32).contains(&column);
        !inside || self.solid[row as usize * self.columns + column as usize]
    }

    /// Returns the width of the level in pixels.
    pub fn width(&self) -> i32 {
        self.columns as i32 * TILE
    }
}
