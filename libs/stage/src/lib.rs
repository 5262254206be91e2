//! What every binary of the pipeline is, so that all of them behave alike.
//!
//! A stage binary reads one TOML file, works in steps that each have a key and a directory, draws progress, can be
//! stopped and gone on with, and says how it ended by its exit code. That is this crate; what a stage computes is
//! not. It knows nothing of videos, tokens or models, and no stage knows how these things are done:
//!
//! | module | question it answers |
//! |---|---|
//! | [`cli`] | what does a wrong command line do? |
//! | [`config`] | what was asked for: defaults, then the file, then `--set` |
//! | [`key`] | is this the same work as before? |
//! | [`step`] | where is its output, and is it done? |
//! | [`status`] | how does a step tell others where it stands? |
//! | [`lineage`] | what made this output, and when? |
//! | [`lock`] | is somebody else writing here? |
//! | [`stop`] | has the user asked to stop? |
//! | [`progress`], [`log`] | what do people see on stderr? |
//! | [`exit`] | what does the calling shell see? |
//!
//! A `main.rs` is then one line: `genie_stage::main!("genie-train", genie_train::run);`

pub mod cli;
pub mod config;
pub mod duration;
pub mod exit;
pub mod key;
pub mod lineage;
pub mod lock;
pub mod log;
pub mod progress;
pub mod status;
pub mod step;
pub mod stop;

pub use exit::Exit;

/// The whole `main.rs` of a stage: records the commit this binary was built from and runs `$run`,
/// a `fn() -> anyhow::Result<Exit>`.
///
/// The commit is read in the binary's own tiny crate and not in this library, so that a new commit relinks five
/// small files and recompiles nothing.
#[macro_export]
macro_rules! main {
    ($name:expr, $run:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::lineage::set_git_revision(::core::option_env!("GENIE_GIT_REVISION"));
            $crate::exit::run($name, $run)
        }
    };
}
