//! What was asked for: one TOML file, a section a stage.
//!
//! Three layers, the later over the earlier: defaults (in the code, the only place where they are), the file (over the one that it
//! names as `extends = "other.toml"`, if it does), and `--set section.key=value`. A stage asks for the sections it uses as typed values and never sees the layers.
//!
//! Guarantees: nothing that was asked for is ignored. An unknown section or key is an error that says where it stands
//! (file and line, or the flag), names the nearest known one, and the section where a key of that name would belong;
//! a value of the wrong type names its key and its place. All of these leave with exit code 64, before any work.

mod data;
mod error;
mod layers;
mod resolved;
mod section;
mod suggest;

use camino::Utf8PathBuf;

pub use data::DataConfig;
pub use error::{ConfigError, Origin, UnknownKey};
pub use resolved::Resolved;
pub use section::{Config, Section};
pub use suggest::nearest;

/// Every section there is. A stage reads some; all are known to all, so that one file serves the whole pipeline.
pub const SECTIONS: [&str; 8] =
    ["data", "sample", "ingest", "pinned", "tokenizer", "lam", "dynamics", "evaluate"];

/// The flags of every command that reads the config, to flatten into its parser.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct ConfigArgs {
    /// The pipeline's TOML file; without it every key has its default
    #[arg(long, value_name = "PATH", global = true)]
    pub config: Option<Utf8PathBuf>,
    /// Override one key; a TOML value, or a bare word for a string; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// The same flags as words of a command line, for a child process.
    #[must_use]
    pub fn to_words(&self) -> Vec<String> {
        let file = self.config.iter().map(|path| ("--config", path.as_str()));
        let sets = self.set.iter().map(|set| ("--set", set.as_str()));
        file.chain(sets)
            // One word each, so that no value can be taken for a flag.
            .map(|(flag, value)| format!("{flag}={value}"))
            .collect()
    }
}

/// Reads the file and the overrides, and checks what can be checked before a section's type is known.
pub fn load(args: &ConfigArgs) -> Result<Config, ConfigError> {
    let files =
        args.config.as_deref().map(layers::ConfigFile::read).transpose()?.unwrap_or_default();
    let overrides =
        args.set.iter().map(|text| layers::Override::parse(text)).collect::<Result<_, _>>()?;
    Config::new(files, overrides)
}
