//! The latent actions of windows, and which of them are held.

use std::ops::Range;

use anyhow::Result;

use crate::measure::settings::HELD_ACTIONS;
use crate::world::{Checked, VideoBatch};

/// Infers the latent actions of `windows` windows, `batch` windows at a time.
///
/// `load` reads the windows of a range. `proceed` gets the number of windows that were finished
/// since its last call, and returns whether to go on. The result has the actions between the frames
/// of each window. It is `None` if `proceed` returned false. Memory holds one batch of frames, and
/// all actions.
///
/// # Errors
/// Fails if a window cannot be read, or if the model does not fit it.
pub fn infer_actions(
    model: &Checked<'_>,
    windows: usize,
    batch: usize,
    load: &dyn Fn(Range<usize>) -> Result<VideoBatch>,
    proceed: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Vec<Vec<u8>>>> {
    let mut latent = Vec::with_capacity(windows);
    for start in (0..windows).step_by(batch) {
        let range = start..(start + batch).min(windows);
        let count = range.len();
        let actions = model.infer_actions(&load(range)?)?;
        latent.extend((0..count).map(|b| actions.window(b).to_vec()));
        if !proceed(count) {
            return Ok(None);
        }
    }
    Ok(Some(latent))
}

/// Counts how often each of `codes` actions occurs.
pub fn action_counts(latent: &[Vec<u8>], codes: usize) -> Vec<u64> {
    let mut counts = vec![0; codes];
    latent.iter().flatten().for_each(|&action| counts[usize::from(action)] += 1);
    counts
}

/// Chooses the actions to hold: those that occur, at most the [`HELD_ACTIONS`] most frequent ones.
///
/// They are in the order of their numbers. Of equally frequent actions, those with lower numbers
/// are chosen.
pub fn held_actions(counts: &[u64]) -> Vec<usize> {
    let mut actions: Vec<usize> = (0..counts.len()).filter(|&action| counts[action] > 0).collect();
    actions.sort_by_key(|&action| std::cmp::Reverse(counts[action]));
    actions.truncate(HELD_ACTIONS);
    actions.sort_unstable();
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the time of a report grows with the number of actions; rare actions, or actions
    /// that never occur, are held instead of frequent ones.
    #[test]
    fn only_frequent_actions_are_held() {
        assert_eq!(held_actions(&[5, 0, 9, 5, 1]), [0, 2, 3, 4]);
        let many: Vec<u64> = (0..135).map(|action| u64::from(action % 5 == 0) * action).collect();
        let expected: Vec<usize> = (11..27).map(|number| number * 5).collect();
        assert_eq!(held_actions(&many), expected);
        assert_eq!(held_actions(&[1; 40]), (0..HELD_ACTIONS).collect::<Vec<_>>());
    }
}
