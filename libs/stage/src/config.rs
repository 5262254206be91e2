//! The config: one TOML file with one section per stage.
//!
//! There are three layers, and a later layer overrides an earlier one: defaults (only in the code),
//! the file (over the file that it names as `extends = "other.toml"`, if any), and `--set
//! section.key=value`. A stage asks for the sections that it uses as typed values, and never sees
//! the layers.
//!
//! Guarantee: no part of the config is silently ignored. For an unknown section or key, the error
//! gives the place (file and line, or the flag), the nearest known name, and the section that has a
//! key of that name. For a value of the wrong type, the error gives the key and the place. All
//! these errors exit with 64, before any work.

mod data;
mod error;
mod explain;
mod layers;
mod load;
mod reference;
mod resolved;
mod section;
mod suggest;
mod tables;
mod typed;

pub use data::DataConfig;
pub use error::{ConfigError, Origin, UnknownKey};
pub use explain::ExplainArgs;
pub use load::{ConfigArgs, from_text, load};
pub use reference::ConfigReference;
pub use resolved::Resolved;
pub use section::Section;
pub use suggest::nearest;
pub use typed::Config;
