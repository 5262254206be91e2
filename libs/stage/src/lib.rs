//! Shared code of all binaries of the pipeline, so that they behave in the same way.
//!
//! A stage binary reads one TOML file and works in steps. Each step has a key and a directory. The
//! binary shows progress, can be stopped and resumed, and reports its result by its exit code. This
//! crate implements these things. It does not depend on videos, tokens or models.
//!
//! | module | question that it answers |
//! |---|---|
//! | [`cli`] | what happens after a wrong command line? |
//! | [`config`] | what did the user ask for: defaults, file, `--set`? |
//! | [`key`] | is this the same work as before? |
//! | [`step`] | where is the output of a step, and is it done? |
//! | [`status`] | how does a step report its state to other programs? |
//! | [`lineage`] | what wrote this output, and when? |
//! | [`lock`] | is another process writing here? |
//! | [`share`] | which part of the work does one process of an array job do? |
//! | [`stop`] | did the user ask to stop? |
//! | [`progress`], [`log`] | what do people see on stderr? |
//! | [`exit`] | what does the calling shell see? |
//!
//! So a `main.rs` is one line: `genie_stage::main!("genie-train", genie_train::run);`

pub mod cli;
pub mod config;
pub mod duration;
pub mod exit;
pub mod key;
pub mod lineage;
pub mod lock;
pub mod log;
pub mod progress;
pub mod share;
pub mod status;
pub mod step;
pub mod stop;

pub use exit::Exit;

/// The whole `main.rs` of a stage: records the git commit of the build and runs `$run`.
///
/// `$run` is a `fn() -> anyhow::Result<Exit>`. The macro reads the commit in the small binary
/// crate, not in this library. So a new commit relinks five small files and recompiles nothing.
#[macro_export]
macro_rules! main {
    ($name:expr, $run:expr) => {
        fn main() -> ::std::process::ExitCode {
            $crate::lineage::set_git_revision(::core::option_env!("GENIE_GIT_REVISION"));
            $crate::exit::run($name, $run)
        }
    };
}
