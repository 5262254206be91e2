//! Generates random levels of the sample game that can be played.

use std::collections::HashMap;

use rand::{Rng, RngExt};

use super::action::Action;
use super::level::{Level, Mover, ROWS, SCREEN, TILE};
use super::world::{Player, World};

/// Generates a level of `columns` tiles. The same random stream gives the same level.
///
/// The level is playable: the player can reach every place to stand on, and can return to the start
/// from there. [`is_playable`] checks that with the game's own physics. So no episode is spent in a
/// hole.
pub fn generate(random: &mut impl Rng, columns: usize) -> Level {
    loop {
        let mut level = draft(random, columns);
        if is_playable(&level) {
            place_movers(&mut level, random);
            return level;
        }
    }
}

fn draft(random: &mut impl Rng, columns: usize) -> Level {
    let mut level =
        Level { columns, solid: vec![false; ROWS * columns], start: (0, 0), movers: Vec::new() };
    let mut height = random.random_range(1..=2_usize);
    let mut heights = Vec::with_capacity(columns);
    while heights.len() < columns {
        // Stretches have at least two tiles: the player can fall into every pit and land on every
        // step.
        let stretch = random.random_range(2..=4);
        heights.extend(std::iter::repeat_n(height, stretch));
        // A step is at most two tiles high, which is less than a jump.
        height = random.random_range(1..=if height == 3 { 2 } else { 3 });
    }
    heights.truncate(columns);
    for (column, &height) in heights.iter().enumerate() {
        for row in ROWS - height..ROWS {
            level.set(row, column);
        }
    }
    let start_column = random.random_range(0..columns.min(SCREEN));
    level.start = (start_column as i32 * TILE, (ROWS - heights[start_column] - 1) as i32 * TILE);

    let platforms = random.random_range(1..=2) * columns.div_ceil(SCREEN);
    for _ in 0..platforms {
        let width = random.random_range(2..=3);
        let column = random.random_range(0..=columns - width);
        let ground = ROWS - heights[column..column + width].iter().max().copied().unwrap_or(1);
        // At least two rows above the ground: the player can walk below, and jump onto it from the
        // side.
        let row = ground.saturating_sub(random.random_range(2..=3)).max(1);
        for column in column..column + width {
            level.set(row, column);
        }
    }
    level
}

/// Places one moving platform per screen, where its path and the place of a rider are free.
fn place_movers(level: &mut Level, random: &mut impl Rng) {
    for _ in 0..level.columns.div_ceil(SCREEN) {
        for _attempt in 0..20 {
            let vertical = random.random_bool(0.3);
            let travel_tiles = random.random_range(2..=3_usize);
            let (wide, high) = if vertical { (2, travel_tiles + 1) } else { (travel_tiles + 2, 1) };
            let column = random.random_range(0..=level.columns - wide.min(level.columns));
            let row = random.random_range(2..=ROWS - 1 - high);
            // The tile above must be free for the rider.
            let free = (row - 1..row + high)
                .all(|r| (column..column + wide).all(|c| !level.is_solid(r as i32, c as i32)));
            if free && !level.movers.iter().any(|other| (other.x / TILE - column as i32).abs() < 5)
            {
                let travel = travel_tiles as i32 * TILE;
                level.movers.push(Mover {
                    x: column as i32 * TILE,
                    y: row as i32 * TILE,
                    travel,
                    vertical,
                    phase: random.random_range(0..2 * travel / Mover::SPEED),
                });
                break;
            }
        }
    }
}

/// Returns whether the player can reach every place to stand on, and the start from every state.
///
/// A place to stand on is the top of a tile with a free tile above. The search covers all states
/// that play can reach. The search does not use moving platforms, because no level needs them.
fn is_playable(level: &Level) -> bool {
    let mut numbers: HashMap<Player, usize> = HashMap::new();
    let mut states = vec![World::new(level).player];
    numbers.insert(states[0], 0);
    let mut sources: Vec<Vec<usize>> = vec![Vec::new()];
    let mut next = 0;
    while next < states.len() {
        for action in Action::ALL {
            let mut world = World::new(level);
            world.player = states[next];
            world.tenth(action);
            let number = *numbers.entry(world.player).or_insert_with(|| {
                states.push(world.player);
                sources.push(Vec::new());
                states.len() - 1
            });
            sources[number].push(next);
        }
        next += 1;
    }

    let mut returns = vec![false; states.len()];
    let mut open = vec![0];
    returns[0] = true;
    while let Some(state) = open.pop() {
        for &source in &sources[state] {
            if !returns[source] {
                returns[source] = true;
                open.push(source);
            }
        }
    }
    if returns.contains(&false) {
        return false;
    }

    let stood: std::collections::HashSet<(i32, i32)> = states
        .iter()
        .filter(|player| player.grounded)
        .map(|player| (player.y / TILE, player.x / TILE))
        .collect();
    (1..ROWS as i32).all(|row| {
        (0..level.columns as i32).all(|column| {
            let place = level.is_solid(row, column) && !level.is_solid(row - 1, column);
            !place || stood.contains(&(row - 1, column))
        })
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::sample::policy::Policy;
    use crate::sample::world::GRAIN;

    /// Catches: a level has a pit that the player cannot leave.
    #[test]
    fn a_trap_is_not_playable() {
        let trap = Level::from_text(&[
            "        ", "        ", "        ", "        ", "@       ", "##  ####", "##  ####",
            "##  ####",
        ]);
        assert!(!is_playable(&trap), "three tiles are higher than a jump");
        let step = Level::from_text(&[
            "        ", "        ", "        ", "        ", "        ", "@       ", "##  ####",
            "##  ####",
        ]);
        assert!(is_playable(&step));
    }

    /// Catches: all levels are alike, or a level depends on more than the seed.
    #[test]
    fn levels_follow_the_seed() {
        let level = |seed| generate(&mut ChaCha8Rng::seed_from_u64(seed), SCREEN);
        assert_eq!(level(1), level(1));
        let distinct: std::collections::HashSet<_> =
            (0..20).map(|seed| level(seed).solid).collect();
        assert!(distinct.len() > 15, "only {} of 20 levels differ", distinct.len());
    }

    /// Catches: the player has half-pixel positions at 32×32, which blur the player in every second
    /// frame.
    #[test]
    fn every_tenth_ends_on_the_grain() {
        for seed in 0..20 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let level = generate(&mut random, 8);
            let mut policy = Policy::new(random);
            let mut world = World::new(&level);
            let mut moved = 0;
            for tenth in 0..600 {
                moved = world.tenth(policy.next(moved)).0;
                let place = (world.player.x % GRAIN, world.player.y % GRAIN);
                assert_eq!(place, (0, 0), "seed {seed}, tenth {tenth}: {:?}", world.player);
            }
        }
    }
}
