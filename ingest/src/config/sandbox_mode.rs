//! Whether the kernel confines decoder processes.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether Landlock and seccomp confine a decoder process.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Never: the process has all rights of its user.
    Off,
    /// As far as the kernel can: a run warns if the kernel lacks Landlock or seccomp.
    #[default]
    On,
    /// Always: a run ends with an error if the kernel lacks Landlock or seccomp.
    Required,
}

impl SandboxMode {
    /// The name in the config file and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Required => "required",
        }
    }
}
