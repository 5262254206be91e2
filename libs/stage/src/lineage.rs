//! The record of an output's origin: the tool, its version, its git commit, and the time.
//!
//! The lineage contains nothing about the machine. The same work on another machine has the same
//! lineage, except for the times.
//!
//! The commit comes from the binary's `main.rs` through [`crate::main!`], which reads
//! `GENIE_GIT_REVISION` at compile time. The Makefile sets this variable and appends `-dirty` if
//! the tree has uncommitted changes. A plain `cargo` build does not set it and records "unknown".

use std::sync::OnceLock;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of this workspace: all its crates are released together.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

static TOOL: OnceLock<&'static str> = OnceLock::new();
static GIT_REVISION: OnceLock<&'static str> = OnceLock::new();

/// Sets the name of the running tool; only the first call counts. [`crate::exit::run`] calls it.
pub(crate) fn set_tool(name: &'static str) {
    let _ = TOOL.set(name);
}

/// Sets the git commit of the build; only the first call counts. [`crate::main!`] calls it.
pub fn set_git_revision(revision: Option<&'static str>) {
    if let Some(revision) = revision.filter(|revision| !revision.is_empty()) {
        let _ = GIT_REVISION.set(revision);
    }
}

/// Name and version of the tool: "genie-train 0.1.0".
#[must_use]
pub(crate) fn tool_version() -> String {
    format!("{} {VERSION}", TOOL.get().unwrap_or(&"genie"))
}

/// Git commit of the build, or "unknown".
#[must_use]
pub fn git_revision() -> &'static str {
    GIT_REVISION.get().unwrap_or(&"unknown")
}

/// The record in every output of the run that wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    pub tool_version: String,
    pub git_revision: String,
    pub started: Timestamp,
    pub finished: Timestamp,
    /// Wall-clock seconds of the run that finished the work, without earlier interrupted runs.
    pub seconds: f64,
}

/// Measures a piece of work: create it at the start, and ask it for the lineage at the end.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Timestamp,
    // The wall clock may be changed during the run, so durations use this one.
    monotonic: Instant,
}

impl Clock {
    #[must_use]
    pub fn start() -> Self {
        Self { started: Timestamp::now(), monotonic: Instant::now() }
    }

    /// Lineage of the work that began at [`Clock::start`] and ends now.
    #[must_use]
    pub fn lineage(&self) -> Lineage {
        let seconds = self.monotonic.elapsed().as_secs_f64();
        Lineage {
            tool_version: tool_version(),
            git_revision: git_revision().to_owned(),
            started: self.started,
            finished: Timestamp::now(),
            seconds: (seconds * 1000.0).round() / 1000.0,
        }
    }
}
