//! The flags `--config` and `--set`, and loading the config that they name.

use camino::Utf8PathBuf;

use super::error::ConfigError;
use super::layers::{ConfigFile, Override};
use super::typed::Config;

/// The flags of every command that reads the config.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct ConfigArgs {
    /// TOML file of the pipeline; without it every key has its default.
    #[arg(long, value_name = "PATH", global = true)]
    pub config: Option<Utf8PathBuf>,
    /// Override one key with a TOML value or a bare string; may be repeated.
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Returns the flags as command-line arguments for a child process.
    #[must_use]
    pub fn to_words(&self) -> Vec<String> {
        let file = self.config.iter().map(|path| ("--config", path.as_str()));
        let sets = self.set.iter().map(|set| ("--set", set.as_str()));
        file.chain(sets)
            // One argument each, so that no value can look like a flag.
            .map(|(flag, value)| format!("{flag}={value}"))
            .collect()
    }
}

/// Reads the text of a config that another process printed, and overrides some of its keys.
///
/// # Errors
/// If the text or an override cannot be read.
pub fn from_text(text: &str, set: &[String]) -> Result<Config, ConfigError> {
    let file = ConfigFile::parse("the driver's config".into(), text.to_owned())?;
    let overrides = set.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
    Config::new(vec![file], overrides)
}

/// Reads the file and the overrides, and checks what needs no section types.
pub fn load(args: &ConfigArgs) -> Result<Config, ConfigError> {
    let files = args.config.as_deref().map(ConfigFile::read).transpose()?.unwrap_or_default();
    let overrides = args.set.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
    Config::new(files, overrides)
}
