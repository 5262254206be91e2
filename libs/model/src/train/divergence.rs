//! The check that stops a run with an exploding loss.

use crate::ModelError;

/// A loss has exploded above this multiple of one plus the size of the first loss.
///
/// The one is there because a loss near 0, or below 0, may well grow a hundredfold.
const FACTOR: f32 = 10.0;

/// Compares each logged loss with the first logged loss of the run.
///
/// The first loss is part of every checkpoint, so a resumed run has the same limit as one that was
/// not interrupted.
#[derive(Clone, Copy, Debug, Default)]
pub struct DivergenceCheck {
    first_loss: Option<f32>,
}

impl DivergenceCheck {
    /// The check of a run whose first logged loss was `first_loss`.
    ///
    /// Without it, as in a new run or in one from an older checkpoint, the next logged loss is
    /// taken.
    pub fn new(first_loss: Option<f32>) -> Self {
        Self { first_loss }
    }

    /// The first logged loss of the run, for its checkpoints.
    pub fn first_loss(self) -> Option<f32> {
        self.first_loss
    }

    /// Checks the loss and the gradient norm that are logged after training step `step`.
    ///
    /// # Errors
    /// [`ModelError::Diverged`] if one of them is not finite, or the loss has exploded.
    pub fn check(&mut self, step: usize, loss: f32, grad_norm: f32) -> Result<(), ModelError> {
        let limit = FACTOR * (1.0 + self.first_loss.get_or_insert(loss).abs());
        if !loss.is_finite() || !grad_norm.is_finite() || loss > limit {
            return Err(ModelError::Diverged { step, loss });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a limit moves with the loss; a doubled loss stops the run.
    #[test]
    fn the_limit_comes_from_the_first_loss() {
        let mut check = DivergenceCheck::new(None);
        for (step, loss) in [(1, -1.0), (2, 2.0), (3, 19.0)] {
            check.check(step, loss, 1.0).unwrap();
        }
        assert_eq!(check.first_loss(), Some(-1.0));
        assert!(matches!(
            check.check(4, 21.0, 1.0),
            Err(ModelError::Diverged { step: 4, loss: 21.0 })
        ));
        assert!(check.check(4, 1.0, f32::INFINITY).is_err());
        assert!(DivergenceCheck::new(Some(5.0)).check(1, 21.0, 1.0).is_ok());
    }
}
