//! Random levels of the sample game that can be played.

use std::collections::HashMap;

use rand::{Rng, RngExt};

use super::action::Action;
use super::level::{Level, Mover, ROWS, SCREEN, TILE};
use super::world::{Player, World};

/// A level of `columns` tiles; the same stream gives the same level.
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
        // Stretches of at least two tiles: one can fall into every pit, and every step has a landing.
        let stretch = random.random_range(2..=4);
        heights.extend(std::iter::repeat_n(height, stretch));
        // Up by two tiles at most: no higher than a jump.
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
        // Two rows above the ground below: one can walk under it, and jump onto it from beside.
        let row = ground.saturating_sub(random.random_range(2..=3)).max(1);
        for column in column..column + width {
            level.set(row, column);
        }
    }
    level
}

/// One moving platform a screen, where there is room for its whole path and for a rider on it.
fn place_movers(level: &mut Level, random: &mut impl Rng) {
    for _ in 0..level.columns.div_ceil(SCREEN) {
        for _attempt in 0..20 {
            let vertical = random.random_bool(0.3);
            let travel_tiles = random.random_range(2..=3_usize);
            let (wide, high) = if vertical { (2, travel_tiles + 1) } else { (travel_tiles + 2, 1) };
            let column = random.random_range(0..=level.columns - wide.min(level.columns));
            let row = random.random_range(2..=ROWS - 1 - high);
            // The tile above must be free too: the rider.
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

/// Whether every state that play can reach can also reach the start again, and every tile top with room on it can be
/// stood on. Moving platforms are left out: what they add is never needed.
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

    /// Would catch a level with a pit that nobody gets out of.
    #[test]
    fn a_trap_is_not_playable() {
        let trap = Level::from_text(&[
            "        ", "        ", "        ", "        ", "@       ", "##  ####", "##  ####",
            "##  ####",
        ]);
        assert!(!is_playable(&trap), "three tiles deep is more than a jump");
        let step = Level::from_text(&[
            "        ", "        ", "        ", "        ", "        ", "@       ", "##  ####",
            "##  ####",
        ]);
        assert!(is_playable(&step));
    }

    /// Would catch levels that are all alike, or that depend on anything but the seed.
    #[test]
    fn levels_follow_the_seed() {
        let level = |seed| generate(&mut ChaCha8Rng::seed_from_u64(seed), SCREEN);
        assert_eq!(level(1), level(1));
        let distinct: std::collections::HashSet<_> =
            (0..20).map(|seed| level(seed).solid).collect();
        assert!(distinct.len() > 15, "only {} of 20 levels differ", distinct.len());
    }

    /// Would catch half pixels at 32×32: a blurred player in every other frame.
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
