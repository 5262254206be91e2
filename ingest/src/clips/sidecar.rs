//! The true actions of a source, resampled to a clip's frames.

use std::ops::Range;

use super::effect;

/// The true actions of a source, one per source frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Sidecar {
    pub actions: Vec<u8>,
    /// Names of the actions, by action number.
    pub names: Vec<String>,
    /// Displacement `(dx, dy)` of the player to the next frame, in pixels, per source frame.
    pub moves: Option<Vec<(f64, f64)>>,
}

impl Sidecar {
    /// Number of source frames that have an action.
    pub fn frames(&self) -> usize {
        self.actions.len()
    }

    /// Whether the sidecar has an action for a source frame.
    ///
    /// A sidecar may lack some rows at the end, because recorders stop at different moments.
    pub fn covers(&self, native: usize) -> bool {
        native < self.frames() + Self::tolerance(self.frames())
    }

    /// Number of frames by which the lengths of a sidecar and its video may differ.
    pub fn tolerance(frames: usize) -> usize {
        2 + frames / 50
    }

    /// The action between two sampled frames.
    ///
    /// They are the source frames `rows.start` and `rows.end`. It is the action that is held
    /// longest. Of equals it is the earliest. After the last row it is the action of the last row.
    pub fn action(&self, rows: &Range<usize>) -> u8 {
        let held = self.held(rows);
        let mut counts = [0_u32; 256];
        for &action in held {
            counts[usize::from(action)] += 1;
        }
        let most = counts.iter().max().copied().unwrap_or(0);
        held.iter().copied().find(|&action| counts[usize::from(action)] == most).unwrap_or(held[0])
    }

    /// Whether different actions are held between two sampled frames.
    pub fn is_mixed(&self, rows: &Range<usize>) -> bool {
        let held = self.held(rows);
        held.iter().any(|action| *action != held[0])
    }

    /// The actions between two sampled frames, at least one.
    fn held(&self, rows: &Range<usize>) -> &[u8] {
        let start = rows.start.min(self.actions.len() - 1);
        let end = rows.end.min(self.actions.len()).max(start + 1);
        &self.actions[start..end]
    }

    /// The effect class of the displacement between two sampled frames.
    ///
    /// `None` if the sidecar has no displacements.
    pub fn effect(&self, rows: &Range<usize>) -> Option<u8> {
        let moves = self.moves.as_ref()?;
        let rows =
            rows.start.min(moves.len())..rows.end.clamp(rows.start.min(moves.len()), moves.len());
        let (dx, dy) = moves[rows].iter().fold((0.0, 0.0), |(x, y), (dx, dy)| (x + dx, y + dy));
        Some(effect::class(dx, dy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(actions: &[u8], moves: Option<Vec<(f64, f64)>>) -> Sidecar {
        Sidecar { actions: actions.to_vec(), names: Vec::new(), moves }
    }

    /// Catches: an action of one interval is assigned to the interval before it.
    #[test]
    fn the_longest_held_action_wins() {
        let sidecar = with(&[1, 2, 2, 4, 3, 3], None);
        assert_eq!(sidecar.action(&(0..3)), 2);
        assert_eq!(sidecar.action(&(0..2)), 1, "the earliest of equals");
        assert_eq!(sidecar.action(&(3..4)), 4);
        assert_eq!(sidecar.action(&(1..1)), 2, "a repeated frame");
        assert_eq!(sidecar.action(&(7..9)), 3, "after the last row");
    }

    /// Catches: the action after a step counts as a part of it; a step of one source frame, of a
    /// repeated frame, or after the last row counts as mixed; an action that returns is overlooked.
    #[test]
    fn a_step_is_mixed_if_it_spans_different_actions() {
        let sidecar = with(&[1, 1, 2, 1, 3, 3], None);
        let mixed: Vec<bool> = [0..2, 0..3, 1..4, 2..3, 3..3, 3..5, 4..6, 5..9, 7..9]
            .map(|rows| sidecar.is_mixed(&rows))
            .to_vec();
        assert_eq!(mixed, [false, true, true, false, false, true, false, false, false]);
    }

    /// Catches: the class is that of a single frame instead of the sum. 2 right and 2 left is no
    /// movement.
    #[test]
    fn effects_come_from_the_summed_displacement() {
        let sidecar = with(&[1, 1, 1], Some(vec![(2.0, 0.0), (-2.0, 0.0), (3.0, -5.0)]));
        let name = |rows| effect::NAMES[usize::from(sidecar.effect(&rows).unwrap())];
        assert_eq!(name(0..2), "none");
        assert_eq!(name(1..3), "right+up");
        assert_eq!(name(1..1), "none");
        assert_eq!(name(5..9), "none");
        assert_eq!(with(&[1], None).effect(&(0..1)), None);
    }
}
