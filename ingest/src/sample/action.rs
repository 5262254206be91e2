//! The six actions of the sample game.

use serde::{Deserialize, Serialize};

/// What the player can press. The discriminant is the action's number in the sidecar.
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

    /// -1 left, 0, 1 right.
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
