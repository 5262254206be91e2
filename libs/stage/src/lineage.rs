//! What made an output: the tool, its version, the commit it was built from, and when.
//!
//! Nothing about the machine: the same work done elsewhere has the same lineage but for the times.
//!
//! The commit comes from the binary's own `main.rs` through [`crate::main!`], which reads `GENIE_GIT_REVISION` while
//! it compiles (the Makefile sets it, with `-dirty` where the tree had uncommitted changes). A build by plain
//! `cargo` does not know it and says "unknown": no answer is better than a stale one.

use std::sync::OnceLock;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The version of this workspace: all its crates are released together.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

static TOOL: OnceLock<&'static str> = OnceLock::new();
static GIT_REVISION: OnceLock<&'static str> = OnceLock::new();

/// Names the running tool; the first call counts. Done by [`crate::exit::run`].
pub fn set_tool(name: &'static str) {
    let _ = TOOL.set(name);
}

/// Names the commit the running tool was built from; the first call counts. Done by [`crate::main!`].
pub fn set_git_revision(revision: Option<&'static str>) {
    if let Some(revision) = revision.filter(|revision| !revision.is_empty()) {
        let _ = GIT_REVISION.set(revision);
    }
}

/// "genie-train 0.1.0".
#[must_use]
pub fn tool_version() -> String {
    format!("{} {VERSION}", TOOL.get().unwrap_or(&"genie"))
}

/// The commit this tool was built from, or "unknown".
#[must_use]
pub fn git_revision() -> &'static str {
    GIT_REVISION.get().unwrap_or(&"unknown")
}

/// What every output records of the run that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    pub tool_version: String,
    pub git_revision: String,
    pub started: Timestamp,
    pub finished: Timestamp,
    /// Wall-clock seconds of the run that finished the work (an interrupted work's earlier runs are not in it).
    pub seconds: f64,
}

/// A running piece of work: made when it starts, asked when it ends.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Timestamp,
    // The wall clock may be set while we run; a duration is not read off it.
    monotonic: Instant,
}

impl Clock {
    #[must_use]
    pub fn start() -> Self {
        Self { started: Timestamp::now(), monotonic: Instant::now() }
    }

    /// The lineage of work that began at [`Clock::start`] and ends now.
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
