//! The subcommands that print and change nothing: `config` and `status`.

use anyhow::{Result, bail};
use genie_stage::Exit;
use genie_stage::config::{ExplainArgs, Resolved};
use genie_stage::exit::Usage;
use genie_stage::status::{self, StepStatus};

use crate::models::open_device;

/// The subcommands that print and change nothing.
#[derive(clap::Subcommand, Debug)]
pub enum Inspect {
    /// Check the config sections that this stage uses, and print them with every key filled in.
    Config {
        /// Also check that this binary can use the device of this section; may be repeated.
        #[arg(long, value_name = "SECTION")]
        check_device: Vec<String>,
        #[command(flatten)]
        explain: ExplainArgs,
    },
    /// Print the state of each step of this stage.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Inspect {
    /// Prints the `resolved` config, or the state of `steps`.
    ///
    /// `devices` are the sections of this stage that have a device, with the device's name.
    ///
    /// # Errors
    /// When a device cannot be used, the state of a step cannot be read, or stdout cannot be
    /// written.
    pub fn run(
        &self,
        resolved: &Resolved,
        devices: &[(&str, &str)],
        steps: impl FnOnce() -> Result<Vec<StepStatus>>,
    ) -> Result<Exit> {
        match self {
            Self::Config { check_device, explain } => {
                for section in check_device {
                    let Some((_, device)) = devices.iter().find(|(name, _)| name == section) else {
                        bail!(Usage(format!("--check-device: [{section}] has no device here")));
                    };
                    open_device(section, device)?;
                }
                explain.print(resolved)?;
            }
            Self::Status { json } => status::print(&steps()?, *json)?,
        }
        Ok(Exit::Done)
    }
}
