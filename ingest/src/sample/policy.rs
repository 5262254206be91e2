//! Plays the sample game with random actions, each held for 0.2 to 0.8 seconds.
//!
//! All six actions are about equally likely, with one exception: a player who does not move chooses
//! another action. So few frames show an action without effect.

use rand::{Rng, RngExt};

use super::action::Action;

/// Number of tenths without motion after which the player chooses another action.
const PATIENCE: u32 = 2;

/// A random player with its own random stream.
pub struct Policy<R> {
    random: R,
    action: Action,
    /// Tenths for which the action is still held.
    left: u32,
    stuck: u32,
}

impl<R: Rng> Policy<R> {
    pub fn new(random: R) -> Self {
        Self { random, action: Action::Noop, left: 0, stuck: 0 }
    }

    /// Returns the action of the next tenth of a second.
    ///
    /// `moved` is the displacement along x in the previous tenth.
    pub fn next(&mut self, moved: i32) -> Action {
        let walks = self.action.direction() != 0;
        self.stuck = if walks && moved == 0 { self.stuck + 1 } else { 0 };
        let given_up = self.stuck >= PATIENCE;
        if self.left == 0 || given_up {
            self.action = self.choose(given_up);
            self.left = self.random.random_range(2..=8);
            self.stuck = 0;
        }
        self.left -= 1;
        self.action
    }

    fn choose(&mut self, given_up: bool) -> Action {
        loop {
            let action = Action::ALL[self.random.random_range(0..Action::ALL.len())];
            if !(given_up && action.direction() == self.action.direction()) {
                return action;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Catches: some actions are rare, so that the data does not show what every action does.
    #[test]
    fn actions_are_about_equally_likely() {
        let mut policy = Policy::new(ChaCha8Rng::seed_from_u64(1));
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[policy.next(8) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| (9_000..11_000).contains(&count)), "{counts:?}");
    }

    /// Catches: the player leans against a wall.
    #[test]
    fn a_wall_is_left_soon() {
        let mut policy = Policy::new(ChaCha8Rng::seed_from_u64(1));
        let mut longest = 0;
        let mut run = 0;
        for _ in 0..10_000 {
            run = if policy.next(0) == Action::Right { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        assert!(longest <= 2 * PATIENCE, "{longest} tenths against the wall");
    }
}
