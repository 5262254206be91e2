//! Flags and subcommands that the binaries share.

mod args;
mod export;
mod inspect;
mod usage;

pub use args::ModelArgs;
pub use export::{ExportArgs, export};
pub use inspect::Inspect;
pub use usage::mark_usage_errors;
