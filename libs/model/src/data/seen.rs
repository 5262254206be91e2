//! Which frames around a step a model sees.

use serde::{Deserialize, Serialize};

/// The frames that a model sees for the step from `x_t` to `x_{t+1}`.
///
/// They are `x_{t-before}` to `x_{t+after}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FramesSeen {
    /// Number of frames before `x_t`.
    pub before: usize,
    /// Number of frames after `x_t`.
    pub after: usize,
}

impl FramesSeen {
    /// The number of frames.
    pub fn count(self) -> usize {
        self.before + 1 + self.after
    }

    /// All frames that `self` or `other` contains.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), after: self.after.max(other.after) }
    }
}
