//! The subcommands that print and change nothing: `config` and `status`.

use std::io::{self, Write as _};

use anyhow::Result;
use genie_stage::Exit;
use genie_stage::config::Resolved;
use genie_stage::status::{self, StepStatus};

/// The subcommands that print and change nothing.
#[derive(clap::Subcommand, Debug)]
pub enum Inspect {
    /// Print the resolved sections that this stage uses, as TOML
    Config,
    /// Print the state of each step of this stage
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Inspect {
    /// Prints the `resolved` config or the state of `steps`.
    ///
    /// # Errors
    /// When the state of a step cannot be read, or stdout cannot be written.
    pub fn run(
        &self,
        resolved: &Resolved,
        steps: impl FnOnce() -> Result<Vec<StepStatus>>,
    ) -> Result<Exit> {
        match self {
            Self::Config => write!(io::stdout(), "{resolved}")?,
            Self::Status { json } => status::print(&steps()?, *json)?,
        }
        Ok(Exit::Done)
    }
}
