//! Draws the frames of the sample game.
//!
//! The game has flat colours of high contrast and nothing smaller than 4 pixels. So the picture is
//! the same at a quarter of the size. The player is red in every theme, and no theme contains red.

use super::level::{Level, Mover, ROWS, SCREEN, TILE};
use super::world::World;

/// Side of a frame in pixels.
pub const SIDE: usize = SCREEN * TILE as usize;

type Rgb = [u8; 3];

/// The colours of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    sky: Rgb,
    /// Two shades that distinguish neighbouring tiles.
    ground: [Rgb; 2],
    /// The upper quarter of a tile on which the player can stand.
    top: Rgb,
    mover: Rgb,
}

const PLAYER: Rgb = [235, 35, 55];
const EYE: Rgb = [255, 255, 255];

/// All themes. The configuration sets how many of the first ones are used.
pub const THEMES: [Theme; 6] = [
    // meadow
    Theme {
        sky: [125, 195, 250],
        ground: [[125, 85, 50], [110, 72, 40]],
        top: [70, 170, 60],
        mover: [250, 220, 80],
    },
    // night
    Theme {
        sky: [22, 24, 58],
        ground: [[85, 90, 140], [72, 76, 122]],
        top: [150, 160, 215],
        mover: [60, 200, 190],
    },
    // desert
    Theme {
        sky: [250, 228, 160],
        ground: [[180, 125, 55], [162, 110, 45]],
        top: [220, 170, 80],
        mover: [70, 110, 170],
    },
    // ice
    Theme {
        sky: [205, 235, 250],
        ground: [[75, 125, 195], [65, 110, 178]],
        top: [245, 250, 255],
        mover: [110, 80, 150],
    },
    // cave
    Theme {
        sky: [36, 34, 36],
        ground: [[105, 110, 112], [90, 94, 96]],
        top: [140, 190, 130],
        mover: [225, 200, 120],
    },
    // dusk
    Theme {
        sky: [110, 80, 150],
        ground: [[45, 60, 75], [35, 48, 62]],
        top: [90, 140, 130],
        mover: [240, 190, 110],
    },
];

/// Draws the world into a frame of RGB pixels.
pub fn paint(world: &World<'_>, theme: &Theme) -> Vec<u8> {
    let camera = camera(world);
    let mut canvas = GameCanvas { pixels: theme.sky.repeat(SIDE * SIDE), left: camera };
    paint_tiles(&mut canvas, world.level, theme);
    for mover in &world.level.movers {
        let (x, y) = world.mover_at(mover);
        canvas.fill(x, y, Mover::WIDTH, Mover::HEIGHT, theme.mover);
    }
    let player = world.player;
    canvas.fill(player.x, player.y, TILE, TILE, PLAYER);
    let eye = if world.facing > 0 { TILE - 4 } else { 0 };
    canvas.fill(player.x + eye, player.y + 4, 4, 4, EYE);
    canvas.pixels
}

/// Returns the left edge of the picture in the level.
///
/// The player is in the middle, except near the level's ends.
fn camera(world: &World<'_>) -> i32 {
    let middle = world.player.x + TILE / 2 - SIDE as i32 / 2;
    middle.clamp(0, (world.level.width() - SIDE as i32).max(0))
}

fn paint_tiles(canvas: &mut GameCanvas, level: &Level, theme: &Theme) {
    for row in 0..ROWS as i32 {
        for column in 0..level.columns as i32 {
            if level.is_solid(row, column) {
                let (x, y) = (column * TILE, row * TILE);
                canvas.fill(x, y, TILE, TILE, theme.ground[((row + column) % 2) as usize]);
                if !level.is_solid(row - 1, column) {
                    canvas.fill(x, y, TILE, 4, theme.top);
                }
            }
        }
    }
}

struct GameCanvas {
    pixels: Vec<u8>,
    left: i32,
}

impl GameCanvas {
    /// Fills a rectangle, in pixels of the level. Pixels outside the picture are cut off.
    fn fill(&mut self, x: i32, y: i32, width: i32, height: i32, colour: Rgb) {
        let side = SIDE as i32;
        let x = x - self.left;
        for row in y.max(0)..(y + height).min(side) {
            for column in x.max(0)..(x + width).min(side) {
                let at = (row * side + column) as usize * 3;
                self.pixels[at..at + 3].copy_from_slice(&colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: Rgb, b: Rgb) -> u32 {
        a.iter().zip(b).map(|(&a, b)| u32::from(a.abs_diff(b))).sum()
    }

    /// Catches: the player is hard to see in some theme.
    #[test]
    fn the_player_stands_out_everywhere() {
        for theme in THEMES {
            for colour in [theme.sky, theme.ground[0], theme.ground[1], theme.top, theme.mover] {
                assert!(distance(PLAYER, colour) > 120, "{theme:?} has {colour:?}");
            }
            assert!(distance(theme.sky, theme.ground[0]) > 120);
        }
    }
}
