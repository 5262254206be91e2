//! Flags and subcommands that the binaries share.

mod args;
mod export;
mod inspect;

pub use args::ModelArgs;
pub use export::{ExportArgs, export};
pub use inspect::Inspect;
