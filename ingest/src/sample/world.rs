//! The rules of the sample game: what an action does to the player.
//!
//! Time runs at 30 frames a second, in tenths of a second of three frames: an action is read at the first frame of a
//! tenth and holds for it, so that sampling at 10 frames a second shows exactly one action between two frames. Everything
//! moves by whole pixels, and by multiples of 4 in a tenth: at 32×32 the picture moves by whole pixels too, which is what
//! makes the game learnable in minutes. There is no inertia along x: what one sees is what was pressed.
//!
//! - Walking: 8 pixels in a tenth. A jump takes off in the frame after it is pressed, rises 16+12+8+4 = 40 pixels
//!   (2½ tiles), hangs for a tenth, and falls as it rose, at 16 a tenth at most.
//! - Tiles are solid from every side. Moving platforms carry, and are solid from above only.

use super::action::Action;
use super::level::{Level, Mover, TILE};

/// Frames of video in a second.
pub const FPS: u32 = 30;
/// Frames for which an action holds.
pub const TENTH: usize = 3;

/// Pixels walked in each frame of a tenth: 8 together; 4 where there is no room for 8; or none.
const STRIDES: [[i32; TENTH]; 3] = [[3, 3, 2], [2, 1, 1], [0, 0, 0]];
/// Positions at the end of a tenth are multiples of this: whole pixels of a 32×32 picture.
pub const GRAIN: i32 = 4;
const JUMP: i32 = -16;
const GRAVITY: i32 = 4;
const TERMINAL: i32 = 16;

/// The player: a box of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Player {
    /// Top left corner in pixels of the level.
    pub x: i32,
    pub y: i32,
    /// Pixels in a tenth, downwards.
    pub speed: i32,
    pub grounded: bool,
}

/// A level being played.
#[derive(Clone, Debug)]
pub struct World<'a> {
    pub level: &'a Level,
    pub player: Player,
    /// Which way the player last walked; drawn as where it looks.
    pub facing: i32,
    frame: usize,
    held: Action,
    stride: [i32; TENTH],
    /// The moving platform that takes the player along in this tenth.
    ride: Option<usize>,
}

impl<'a> World<'a> {
    pub fn new(level: &'a Level) -> Self {
        let (x, y) = level.start;
        let player = Player { x, y, speed: 0, grounded: true };
        Self {
            level,
            player,
            facing: 1,
            frame: 0,
            held: Action::Noop,
            stride: STRIDES[0],
            ride: None,
        }
    }

    /// Goes on by one frame and returns the player's true displacement. `action` is read only at the first frame of a
    /// tenth.
    pub fn step(&mut self, action: Action) -> (i32, i32) {
        if self.frame.is_multiple_of(TENTH) {
            self.held = action;
            self.begin_tenth();
        }
        let before = (self.player.x, self.player.y);
        self.advance();
        (self.player.x - before.0, self.player.y - before.1)
    }

    /// Goes on by one frame of a tenth that has begun.
    fn advance(&mut self) {
        let phase = self.frame % TENTH;
        self.move_platforms();
        self.walk(self.held.direction() * self.stride[phase]);
        self.fall(
            self.player.speed * (phase as i32 + 1) / TENTH as i32
                - self.player.speed * phase as i32 / TENTH as i32,
        );
        self.player.grounded = self.player.speed >= 0 && self.supported();
        if self.player.grounded {
            self.player.speed = 0;
        }
        self.frame += 1;
    }

    /// Goes on by a whole tenth of a second.
    pub fn tenth(&mut self, action: Action) -> (i32, i32) {
        (0..TENTH).fold((0, 0), |(dx, dy), _| {
            let (x, y) = self.step(action);
            (dx + x, dy + y)
        })
    }

    /// Where moving platform `mover` is in this frame.
    pub fn mover_at(&self, mover: &Mover) -> (i32, i32) {
        Self::mover_position(mover, self.frame)
    }

    fn mover_position(mover: &Mover, frame: usize) -> (i32, i32) {
        // Frames of a tenth move by 1, 1 and 2 pixels: 4 together.
        let tenths = frame as i32 / TENTH as i32 + mover.phase;
        let along = (tenths * Mover::SPEED + (frame % TENTH) as i32) % (2 * mover.travel);
        let along = if along > mover.travel { 2 * mover.travel - along } else { along };
        if mover.vertical { (mover.x, mover.y + along) } else { (mover.x + along, mover.y) }
    }

    fn begin_tenth(&mut self) {
        if self.held.direction() != 0 {
            self.facing = self.held.direction();
        }
        let player = &mut self.player;
        if player.grounded && self.held.jumps() {
            player.speed = JUMP;
            player.grounded = false;
        } else if !player.grounded {
            player.speed = (player.speed + GRAVITY).min(TERMINAL);
        }
        self.ride = self.platform_below();
        self.stride = self.longest_stride();
    }

    /// The longest stride that ends on the grain: who is stopped by a corner in mid-tenth waits for the next one.
    fn longest_stride(&self) -> [i32; TENTH] {
        let fits = |stride: &[i32; TENTH]| {
            let mut trial = Self { stride: *stride, ..self.clone() };
            (0..TENTH).for_each(|_| trial.advance());
            trial.player.x % GRAIN == 0
        };
        STRIDES.into_iter().find(fits).unwrap_or_default()
    }

    /// The platforms move on to the next frame and take the player along. Sideways this is settled for a whole tenth when
    /// it begins, so that it ends on the grain; up and down it takes whoever is on it or is met by it.
    fn move_platforms(&mut self) {
        if let Some(mover) = self.ride {
            let level = self.level;
            self.walk(self.motion_of(&level.movers[mover]).0);
        }
        if self.player.speed < 0 || self.tile_supports() {
            return;
        }
        for mover in self.level.movers.iter().filter(|mover| mover.vertical) {
            let (x, y) = Self::mover_position(mover, self.frame);
            let next_y = y + self.motion_of(mover).1;
            let feet = self.player.y + TILE;
            let on_it = self.player.grounded && feet == y;
            let met = feet <= y && feet > next_y;
            let above = next_y - TILE;
            if (on_it || met)
                && overlaps(self.player.x, x, Mover::WIDTH)
                && !self.blocked(self.player.x, above)
            {
                self.player.y = above;
                return;
            }
        }
    }

    /// How a moving platform moves from this frame to the next.
    fn motion_of(&self, mover: &Mover) -> (i32, i32) {
        let (x, y) = Self::mover_position(mover, self.frame);
        let (next_x, next_y) = Self::mover_position(mover, self.frame + 1);
        (next_x - x, next_y - y)
    }

    /// The moving platform under the player's feet, if nothing firmer is.
    fn platform_below(&self) -> Option<usize> {
        if !self.player.grounded || self.tile_supports() {
            return None;
        }
        self.level.movers.iter().position(|mover| {
            let (x, y) = Self::mover_position(mover, self.frame);
            self.player.y + TILE == y && overlaps(self.player.x, x, Mover::WIDTH)
        })
    }

    fn walk(&mut self, dx: i32) {
        for _ in 0..dx.abs() {
            let x = self.player.x + dx.signum();
            if self.blocked(x, self.player.y) {
                return;
            }
            self.player.x = x;
        }
    }

    fn fall(&mut self, dy: i32) {
        for _ in 0..dy.abs() {
            if dy > 0 && self.supported() {
                return;
            }
            let y = self.player.y + dy.signum();
            if self.blocked(self.player.x, y) {
                // A bumped head: hang, then fall.
                self.player.speed = 0;
                return;
            }
            self.player.y = y;
        }
    }

    /// Whether the player's box at (x, y) would be inside a tile.
    fn blocked(&self, x: i32, y: i32) -> bool {
        let columns = x.div_euclid(TILE)..=(x + TILE - 1).div_euclid(TILE);
        let rows = y.div_euclid(TILE)..=(y + TILE - 1).div_euclid(TILE);
        rows.into_iter().any(|row| columns.clone().any(|column| self.level.is_solid(row, column)))
    }

    fn tile_supports(&self) -> bool {
        self.blocked(self.player.x, self.player.y + 1)
    }

    /// Whether there is something to stand on right under the player, as things are after this frame.
    fn supported(&self) -> bool {
        self.tile_supports()
            || self.level.movers.iter().any(|mover| {
                let (x, y) = Self::mover_position(mover, self.frame + 1);
                self.player.y + TILE == y && overlaps(self.player.x, x, Mover::WIDTH)
            })
    }
}

fn overlaps(player_x: i32, x: i32, width: i32) -> bool {
    player_x < x + width && x < player_x + TILE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Level {
        Level::from_text(&[
            "        ", "        ", "        ", "        ", "        ", "        ", "   @    ",
            "########",
        ])
    }

    /// Would catch an action that shows a frame late, and inertia.
    #[test]
    fn the_next_frame_shows_the_action() {
        let level = plain();
        let mut world = World::new(&level);
        assert_eq!(world.step(Action::Right), (3, 0));
        assert_eq!(world.step(Action::Right), (3, 0));
        assert_eq!(world.step(Action::Right), (2, 0));
        assert_eq!(world.step(Action::LeftJump), (-3, -5));
        world.step(Action::LeftJump);
        world.step(Action::LeftJump);
        assert_eq!(world.step(Action::Noop).0, 0);
    }

    /// Would catch a drifting clock: between two frames at 10 FPS lies exactly one action.
    #[test]
    fn an_action_holds_for_a_tenth() {
        let level = plain();
        let mut world = World::new(&level);
        world.step(Action::Right);
        assert_eq!(world.step(Action::Left).0, 3, "pressed in mid-tenth: not read");
    }

    /// Would catch a jump that is too low for two tiles or never lands where it began.
    #[test]
    fn a_jump_is_two_and_a_half_tiles() {
        let level = plain();
        let mut world = World::new(&level);
        let start = world.player.y;
        let mut heights = vec![];
        world.tenth(Action::Jump);
        heights.push(start - world.player.y);
        for _ in 0..9 {
            world.tenth(Action::Noop);
            heights.push(start - world.player.y);
        }
        assert_eq!(heights, [16, 28, 36, 40, 40, 36, 28, 16, 0, 0]);
        assert!(world.player.grounded);
    }

    /// Would catch walking through walls.
    #[test]
    fn walls_stop() {
        let level = plain();
        let mut world = World::new(&level);
        for _ in 0..30 {
            world.tenth(Action::Right);
        }
        assert_eq!(world.player.x, level.width() - TILE);
        assert_eq!(world.tenth(Action::Right), (0, 0));
    }

    /// Would catch a rider who is left behind or sinks in.
    #[test]
    fn platforms_carry() {
        for vertical in [false, true] {
            let mut level = plain();
            level.start = (32, 48);
            level.movers = vec![Mover { x: 32, y: 64, travel: 32, vertical, phase: 0 }];
            let mut world = World::new(&level);
            for tenth in 0..40 {
                world.tenth(Action::Noop);
                let (x, y) = world.mover_at(&level.movers[0]);
                assert_eq!(
                    (world.player.x, world.player.y),
                    (x, y - TILE),
                    "tenth {tenth}, vertical {vertical}"
                );
            }
        }
    }
}
