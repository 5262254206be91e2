//! A level of the sample game: a grid of solid tiles, made from a random stream.
//!
//! A single screen is 8×8 tiles of 16 pixels, so that at 32×32 pixels a tile is one 4×4 patch. A level is a floor of
//! changing height (steps and pits) under one to three floating platforms. Whatever the dice say, a level is returned
//! only if it can be played: from the start every place one can stand on can be reached, and from there the start again
//! (found by running the game's own physics over all its states, see [`is_playable`]). So no episode is spent in a hole.

/// Side of a tile in pixels.
pub const TILE: i32 = 16;
/// Height of a level in tiles.
pub const ROWS: usize = 8;
/// Width of one screen in tiles.
pub const SCREEN: usize = 8;

/// What is solid, and where the player and the moving platforms begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    pub columns: usize,
    /// `solid[row * columns + column]`
    pub(super) solid: Vec<bool>,
    /// Top left corner of the player at the start, in pixels.
    pub start: (i32, i32),
    pub movers: Vec<Mover>,
}

/// A platform of two tiles that slides to and fro; one can jump onto it through its underside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mover {
    /// Left end of its path, top edge, in pixels.
    pub x: i32,
    pub y: i32,
    /// Length of its path in pixels; a multiple of [`Mover::SPEED`].
    pub travel: i32,
    pub vertical: bool,
    /// Where on its way (there and back) it is at the start, in tenths of a second.
    pub phase: i32,
}

impl Mover {
    pub const WIDTH: i32 = 2 * TILE;
    pub const HEIGHT: i32 = TILE / 2;
    /// Pixels in a tenth of a second: half the player's.
    pub const SPEED: i32 = 4;
}

impl Level {
    /// A level from rows of text, `#` for solid and `@` for the start: for tests.
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

    /// Whether a tile is solid. Beyond the edges everything is, above too: nobody leaves the picture.
    pub fn is_solid(&self, row: i32, column: i32) -> bool {
        let inside = (0..ROWS as i32).contains(&row) && (0..self.columns as i32).contains(&column);
        !inside || self.solid[row as usize * self.columns + column as usize]
    }

    /// Width of the level in pixels.
    pub fn width(&self) -> i32 {
        self.columns as i32 * TILE
    }
}
