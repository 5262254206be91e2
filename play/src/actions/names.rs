//! Names of actions by the direction of their motion.

use super::effect::PlayerMotion;

/// Smallest ratio to the larger component at which a component is in the name: tan 22.5°.
///
/// So each of the eight directions covers 45°.
const DIAGONAL: f64 = 0.414;

/// The direction of a motion: -1, 0 or 1 along x and y; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlayDirection {
    pub x: i8,
    pub y: i8,
}

pub(super) fn direction(motion: &PlayerMotion) -> PlayDirection {
    let longest = motion.own[0].abs().max(motion.own[1].abs());
    let sign = |value: f64| match value {
        _ if value == 0.0 || value.abs() < DIAGONAL * longest => 0,
        _ if value > 0.0 => 1,
        _ => -1,
    };
    PlayDirection { x: sign(motion.own[0]), y: sign(motion.own[1]) }
}

/// Names every action: `right`, `left jump`, `still`, `right 2`, or `action 5` if not measured.
///
/// Actions with the same direction are numbered, the strongest first. Of the actions without
/// certain motion, the one that moves least comes first. Of equal ones, the most common one comes
/// first. An action that moves up is called `jump`. If another action moves straight down, the game
/// is seen from above, and the action is called `up`.
pub(super) fn names(motions: &[Option<PlayerMotion>]) -> Vec<String> {
    let directions: Vec<Option<PlayDirection>> =
        motions.iter().map(|motion| motion.as_ref().map(direction)).collect();
    let from_above = directions.contains(&Some(PlayDirection { x: 0, y: 1 }));
    let order = |code: usize| {
        motions[code].map_or((0.0, 0.0, 0.0), |it| (it.strength(), -it.total, it.share))
    };
    let rank = |code: usize| {
        let mine = order(code);
        let before = |other: usize| {
            let theirs = order(other);
            directions[other] == directions[code]
                && (theirs > mine || (theirs >= mine && other < code))
        };
        1 + (0..motions.len()).filter(|&other| before(other)).count()
    };
    let name = |(code, direction): (usize, &Option<PlayDirection>)| {
        let Some(direction) = direction else { return format!("action {code}") };
        let name = words(*direction, from_above);
        match rank(code) {
            1 => name,
            rank => format!("{name} {rank}"),
        }
    };
    directions.iter().enumerate().map(name).collect()
}

fn words(direction: PlayDirection, from_above: bool) -> String {
    let x = match direction.x {
        1 => Some("right"),
        -1 => Some("left"),
        _ => None,
    };
    let y = match direction.y {
        1 => Some("down"),
        -1 if from_above => Some("up"),
        -1 => Some("jump"),
        _ => None,
    };
    let words: Vec<&str> = [x, y].into_iter().flatten().collect();
    if words.is_empty() { "still".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(motions: &[Option<[f64; 2]>]) -> Vec<String> {
        let motions: Vec<_> = motions
            .iter()
            .map(|own| own.map(|own| PlayerMotion { own, ..PlayerMotion::default() }))
            .collect();
        names(&motions)
    }

    /// Catches: the action that is taken without a key is not the one that is called `still`.
    #[test]
    fn the_stillest_action_has_no_number() {
        let motion = |share| Some(PlayerMotion { share, ..PlayerMotion::default() });
        assert_eq!(
            names(&[motion(0.1), motion(0.5), motion(0.1)]),
            ["still 2", "still", "still 3"]
        );
    }

    /// Catches: up and down are exchanged; a slight slope makes a diagonal; a moving action is
    /// `still`.
    #[test]
    fn names_follow_the_eight_directions() {
        let found = named(&[
            Some([2.0, 0.5]),
            Some([-3.0, 0.0]),
            Some([0.2, -2.0]),
            Some([2.0, -2.0]),
            Some([-1.0, 0.9]),
            Some([0.0, 0.0]),
            None,
        ]);
        let expected = ["right", "left", "jump", "right jump", "left down", "still", "action 6"];
        assert_eq!(found, expected);
    }

    /// Catches: an action is called `jump` in a game that is seen from above.
    #[test]
    fn up_is_a_jump_only_without_down() {
        assert_eq!(named(&[Some([0.0, -1.0]), Some([1.0, -1.0])]), ["jump", "right jump"]);
        let found = named(&[Some([0.0, -1.0]), Some([1.0, -1.0]), Some([0.0, 2.0])]);
        assert_eq!(found, ["up", "right up", "down"]);
    }

    /// Catches: two actions have one name; the weaker one has the plain name; ties are unstable.
    #[test]
    fn equal_names_are_numbered_by_strength() {
        let right = |x: f64| Some([x, 0.0]);
        assert_eq!(named(&[right(1.0), right(3.0), right(2.0)]), ["right 3", "right", "right 2"]);
        assert_eq!(named(&[right(1.0), right(1.0)]), ["right", "right 2"]);
        assert_eq!(named(&[Some([0.0; 2]), Some([0.0; 2])]), ["still", "still 2"]);
    }
}
