//! The six actions of the sample game.

use serde::{Deserialize, Serialize};

/// An action of the player. The discriminant is the action's number in the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    Noop = 0,
    Left = 1,
    Right = 2,
    Jump = 3,
    LeftJump = 4,
    RightJump = 5,
}

impl Action {
    pub const ALL: [Self; 6] =
        [Self::Noop, Self::Left, Self::Right, Self::Jump, Self::LeftJump, Self::RightJump];

    pub fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Left => "left",
            Self::Right => "right",
            Self::Jump => "jump",
            Self::LeftJump => "left+jump",
            Self::RightJump => "right+jump",
        }
    }

    /// Returns -1 for left, 1 for right, else 0.
    pub fn direction(self) -> i32 {
        match self {
            Self::Left | Self::LeftJump => -1,
            Self::Right | Self::RightJump => 1,
            Self::Noop | Self::Jump => 0,
        }
    }

    pub fn jumps(self) -> bool {
        matches!(self, Self::Jump | Self::LeftJump | Self::RightJump)
    }
}
