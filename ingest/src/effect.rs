//! What an action did: the class of a true displacement.
//!
//! A blocked step and a jump in mid-air are pressed but not seen, so agreement with the raw action has a ceiling below
//! one; the effect class has not. A class is made from the displacement summed over the interval between two sampled
//! frames, so it can be made again for any frame rate.

/// Displacements smaller than this, in pixels of the source, are standing still.
const STILL: f64 = 0.5;

/// Names of the classes: index = class.
pub const NAMES: [&str; 9] =
    ["left+up", "left", "left+down", "up", "none", "down", "right+up", "right", "right+down"];

/// The class of a displacement: `dx` grows to the right, `dy` downwards.
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

    /// Would catch names out of step with numbers, and a vertical axis upside down.
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
