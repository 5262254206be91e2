//! Default keys of actions, named as browsers name them (`KeyboardEvent.code`).

use super::effect::PlayerMotion;
use super::names::{PlayDirection, direction};

/// The arrows, with the direction of each.
const ARROWS: [(&str, PlayDirection); 4] = [
    ("ArrowRight", PlayDirection { x: 1, y: 0 }),
    ("ArrowLeft", PlayDirection { x: -1, y: 0 }),
    ("ArrowUp", PlayDirection { x: 0, y: -1 }),
    ("ArrowDown", PlayDirection { x: 0, y: 1 }),
];

/// Gives each arrow to the strongest action of its direction, and Space to the next best jump.
///
/// If no action has exactly the direction of an arrow, the arrow goes to the strongest diagonal
/// that contains this direction. No key and no action is used twice.
pub(super) fn default_keys(motions: &[Option<PlayerMotion>]) -> Vec<Option<&'static str>> {
    let mut keys = vec![None; motions.len()];
    for exactly in [true, false] {
        for (key, arrow) in ARROWS {
            if !keys.contains(&Some(key)) {
                give(key, &mut keys, motions, |found| {
                    if exactly { found == arrow } else { shares(found, arrow) }
                });
            }
        }
    }
    give("Space", &mut keys, motions, |found| found.y < 0);
    keys
}

/// Whether a diagonal contains the direction of an arrow.
fn shares(found: PlayDirection, arrow: PlayDirection) -> bool {
    (arrow.x != 0 && found.x == arrow.x) || (arrow.y != 0 && found.y == arrow.y)
}

/// Gives a key to the strongest fitting action that has no key; of equal ones, to the first.
fn give(
    key: &'static str,
    keys: &mut [Option<&'static str>],
    motions: &[Option<PlayerMotion>],
    fits: impl Fn(PlayDirection) -> bool,
) {
    let free = motions.iter().enumerate().filter_map(|(code, motion)| {
        let motion = motion.as_ref()?;
        let free = keys[code].is_none() && fits(direction(motion));
        free.then(|| (code, motion.strength()))
    });
    if let Some((code, _)) = free.rev().max_by(|a, b| a.1.total_cmp(&b.1)) {
        keys[code] = Some(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(motions: &[[f64; 2]]) -> Vec<Option<&'static str>> {
        let motions: Vec<_> = motions
            .iter()
            .map(|&own| Some(PlayerMotion { own, ..PlayerMotion::default() }))
            .collect();
        default_keys(&motions)
    }

    /// Catches: an arrow moves the wrong way; a weaker action takes the key.
    #[test]
    fn arrows_have_the_strongest_actions() {
        let found = keys(&[[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [0.0, -3.0], [0.0, 1.0], [0.0; 2]]);
        let expected =
            [None, Some("ArrowRight"), Some("ArrowLeft"), Some("ArrowUp"), Some("ArrowDown"), None];
        assert_eq!(found, expected);
    }

    /// Catches: a second jump has no key; Space takes the only jump from the arrow.
    #[test]
    fn space_is_the_second_jump() {
        assert_eq!(keys(&[[0.0, -3.0], [0.0, -2.0]]), [Some("ArrowUp"), Some("Space")]);
        assert_eq!(keys(&[[0.0, -3.0]]), [Some("ArrowUp")]);
        let found = keys(&[[1.0, 0.0], [0.0, -3.0], [2.0, -2.0]]);
        assert_eq!(found, [Some("ArrowRight"), Some("ArrowUp"), Some("Space")]);
    }

    /// Catches: an arrow has no action although a diagonal goes that way; one action has two keys.
    #[test]
    fn diagonals_stand_in_for_missing_directions() {
        assert_eq!(keys(&[[2.0, -2.0], [-1.0, 0.0]]), [Some("ArrowRight"), Some("ArrowLeft")]);
        let found = keys(&[[2.0, -2.0], [2.0, -1.0], [0.0; 2]]);
        assert_eq!(found, [Some("ArrowRight"), Some("ArrowUp"), None]);
        assert_eq!(keys(&[[1.0, 0.0], [1.0, 0.0]]), [Some("ArrowRight"), None]);
    }
}
