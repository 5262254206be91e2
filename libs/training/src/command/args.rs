//! The flags of a binary that trains models or runs them.

use anyhow::Result;
use genie_stage::config::{Config, ConfigArgs, load};
use genie_stage::exit::Usage;
use genie_stage::log::{self, Verbosity};

use crate::models::{ModelSections, check_device_name};

/// The flags for config, verbosity and device.
#[derive(clap::Args, Debug)]
pub struct ModelArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    verbosity: Verbosity,
    /// Device that models run on, instead of the config's: cpu or cuda[:n,…].
    #[arg(long, global = true, value_name = "DEVICE")]
    device: Option<String>,
}

impl ModelArgs {
    /// Starts logging and reads the config.
    ///
    /// # Errors
    /// When the config cannot be read.
    pub fn config(&self) -> Result<Config> {
        log::init(self.verbosity.level());
        Ok(load(&self.config)?)
    }

    /// The device of the command line, which overrides the config.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Starts logging and reads the models' sections.
    ///
    /// # Errors
    /// When the config cannot be read or a value is wrong.
    pub fn sections(&self) -> Result<ModelSections> {
        self.sections_of(&self.config()?)
    }

    /// Reads the models' sections of a config.
    ///
    /// # Errors
    /// When a value is wrong.
    pub fn sections_of(&self, config: &Config) -> Result<ModelSections> {
        let mut sections = ModelSections::read(config)?;
        if let Some(device) = self.device() {
            check_device_name(device).map_err(|error| Usage(format!("--{error}")))?;
            sections.run_on(device);
        }
        Ok(sections)
    }
}
