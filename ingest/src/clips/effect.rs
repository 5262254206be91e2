//! Effect classes: the direction of the player's true displacement.
//!
//! A blocked step or a key press in mid-air is in the actions, but not visible in the frames. So
//! the agreement of latent actions with raw actions cannot reach 1. The agreement with effect
//! classes can. A class comes from the sum of the displacements between two sampled frames, so it
//! can be recomputed for any frame rate.

/// Displacements below this count as standing still, in pixels of the source.
const STILL: f64 = 0.5;

/// Names of the classes, by class number.
pub const NAMES: [&str; 9] =
    ["left+up", "left", "left+down", "up", "none", "down", "right+up", "right", "right+down"];

/// The class of a displacement in pixels. `dx` points right and `dy` points down.
pub fn class(dx: f64, dy: f64) -> u8 {
    3 * third(dx) + third(dy)
}

fn third(distance: f64) -> u8 {
    if distance <= -STILL {
        0
    } else if distance < STILL {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: names do not match the numbers; the vertical axis points up.
    #[test]
    fn names_follow_numbers() {
        let name = |dx, dy| NAMES[usize::from(class(dx, dy))];
        assert_eq!(name(-8.0, 0.0), "left");
        assert_eq!(name(8.0, -16.0), "right+up");
        assert_eq!(name(0.0, 4.0), "down");
        assert_eq!(name(0.2, -0.2), "none");
        assert_eq!(name(-1.0, 1.0), "left+down");
    }
}
