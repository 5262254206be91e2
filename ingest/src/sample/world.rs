//! The rules of the sample game: how actions move the player.
//!
//! Time runs at 30 frames per second, in tenths of a second of three frames. An action is read at
//! the first frame of a tenth and holds for the tenth. So sampling at 10 frames per second shows
//! exactly one action between two frames. All objects move by whole pixels, and by multiples of 4
//! in a tenth. So the picture moves by whole pixels at 32×32 too, and a model can learn the game in
//! minutes. There is no inertia along x: the motion shows the action.
//!
//! - Walking: 8 pixels in a tenth. A jump starts in the frame after it is pressed, rises 16+12+8+4
//!   = 40 pixels (2½ tiles), hangs for a tenth, and falls in the reverse order, by at most 16
//!   pixels in a tenth.
//! - Tiles are solid from every side. Moving platforms carry the player, and are solid from above
//!   only.

use super::action::Action;
use super::level::{Level, Mover, TILE};

/// Frames of video in a second.
pub const FPS: u32 = 30;
/// Frames for which an action holds.
pub const TENTH: usize = 3;

/// Pixels that the player walks in each frame of a tenth of a second, for the three strides.
///
/// A stride is 8, 4 or 0 pixels in total. The longest one that fits is used.
const STRIDES: [[i32; TENTH]; 3] = [[3, 3, 2], [2, 1, 1], [0, 0, 0]];
/// Positions at the end of a tenth are multiples of this: whole pixels of a 32×32 picture.
pub const GRAIN: i32 = 4;
const JUMP: i32 = -16;
const GRAVITY: i32 = 4;
const TERMINAL: i32 = 16;

/// The player: a box of one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Player {
    /// Left edge in pixels of the level.
    pub x: i32,
    /// Top edge in pixels of the level.
    pub y: i32,
    /// Pixels per tenth, downwards.
    pub speed: i32,
    pub grounded: bool,
}

/// The state of a level during play.
#[derive(Clone, Debug)]
pub struct World<'a> {
    pub level: &'a Level,
    pub player: Player,
    /// Direction of the player's last walk. The eye is drawn on that side.
    pub facing: i32,
    frame: usize,
    held: Action,
    stride: [i32; TENTH],
    /// The moving platform that carries the player in this tenth.
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

    /// Advances by one frame and returns the player's true displacement.
    ///
    /// It reads `action` only at the first frame of a tenth.
    pub fn step(&mut self, action: Action) -> (i32, i32) {
        if self.frame.is_multiple_of(TENTH) {
            self.held = action;
            self.begin_tenth();
        }
        let before = (self.player.x, self.player.y);
        self.advance();
        (self.player.x - before.0, self.player.y - before.1)
    }

    /// Advances by one frame within a tenth.
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

    /// Advances by a whole tenth of a second.
    pub fn tenth(&mut self, action: Action) -> (i32, i32) {
        (0..TENTH).fold((0, 0), |(dx, dy), _| {
            let (x, y) = self.step(action);
            (dx + x, dy + y)
        })
    }

    /// Returns the position of a moving platform in this frame.
    pub fn mover_at(&self, mover: &Mover) -> (i32, i32) {
        Self::mover_position(mover, self.frame)
    }

    fn mover_position(mover: &Mover, frame: usize) -> (i32, i32) {
        // The frames of a tenth move by 1, 1 and 2 pixels: 4 in all.
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

    /// Returns the longest stride that ends on a multiple of [`GRAIN`].
    ///
    /// A player whom a corner stops in mid-tenth waits for the next tenth.
    fn longest_stride(&self) -> [i32; TENTH] {
        let fits = |stride: &[i32; TENTH]| {
            let mut trial = Self { stride: *stride, ..self.clone() };
            (0..TENTH).for_each(|_| trial.advance());
            trial.player.x % GRAIN == 0
        };
        STRIDES.into_iter().find(fits).unwrap_or_default()
    }

    /// Moves the platforms to the next frame, with the player on them.
    ///
    /// Horizontal motion is fixed at the start of a tenth, so that it ends on a multiple of
    /// [`GRAIN`]. Vertical motion carries every player who stands on the platform or whom it
    /// reaches.
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

    /// Returns the motion of a moving platform from this frame to the next.
    fn motion_of(&self, mover: &Mover) -> (i32, i32) {
        let (x, y) = Self::mover_position(mover, self.frame);
        let (next_x, next_y) = Self::mover_position(mover, self.frame + 1);
        (next_x - x, next_y - y)
    }

    /// Returns the moving platform under the player's feet, unless a tile is there.
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
                // The player hits the head: hang, then fall.
                self.player.speed = 0;
                return;
            }
            self.player.y = y;
        }
    }

    /// Returns whether the player's box at (x, y) would be inside a tile.
    fn blocked(&self, x: i32, y: i32) -> bool {
        let columns = x.div_euclid(TILE)..=(x + TILE - 1).div_euclid(TILE);
        let rows = y.div_euclid(TILE)..=(y + TILE - 1).div_euclid(TILE);
        rows.into_iter().any(|row| columns.clone().any(|column| self.level.is_solid(row, column)))
    }

    fn tile_supports(&self) -> bool {
        self.blocked(self.player.x, self.player.y + 1)
    }

    /// Returns whether something supports the player after this frame.
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

    /// Catches: an action is visible one frame late, or the player has inertia.
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

    /// Catches: the clock drifts, so that two frames at 10 FPS are not exactly one action apart.
    #[test]
    fn an_action_holds_for_a_tenth() {
        let level = plain();
        let mut world = World::new(&level);
        world.step(Action::Right);
        assert_eq!(world.step(Action::Left).0, 3, "pressed in mid-tenth: not read");
    }

    /// Catches: a jump is too low for two tiles, or does not land at its start height.
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

    /// Catches: the player walks through walls.
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

    /// Catches: a platform leaves its rider behind, or the rider sinks into it.
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
