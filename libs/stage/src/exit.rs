//! How a binary ends: the error that it prints and its exit code.
//!
//! Shells, cron and `genie run` rely on the codes (ARCHITECTURE, "Streams and exit codes"). So only
//! this file chooses them, from the type of the error and not from where it happened:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done (also: the reader of stdout closed the pipe, as in `… \| head`) |
//! | 1 | failed |
//! | 2 | done, but some inputs were rejected; they are recorded |
//! | 64 | wrong usage: command line or config; an expression may be wrong for a later clip only |
//! | 75 | another run holds the lock; try again later |
//! | 130, 143 | stopped by Ctrl-C, SIGTERM; finished work is kept |

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::lock::LockError;
use crate::stop::{Stop, Stopped};
use crate::{lineage, progress};

pub const FAILED: u8 = 1;
pub const REJECTS: u8 = 2;
pub const USAGE: u8 = 64;
pub const LOCKED: u8 = 75;

/// How a run ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All work is done, or there was nothing to do.
    Done,
    /// Done, but some inputs were rejected.
    Rejects,
    /// Stopped on request, after saving; the code is [`crate::stop::Stop::exit_code`].
    Stopped(u8),
    /// Failed with this code; stderr already has the reason (for example from a child process).
    Failed(u8),
}

impl Exit {
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Rejects => REJECTS,
            Self::Stopped(code) | Self::Failed(code) => code,
        }
    }
}

impl Stop {
    /// Returns [`Exit::Stopped`] with the code of the signal.
    #[must_use]
    pub fn exit(&self) -> Exit {
        Exit::Stopped(self.exit_code())
    }
}

/// The user asked for something impossible: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Marks an error as wrong usage or config; its message and causes stay.
#[must_use]
pub fn usage(error: anyhow::Error) -> anyhow::Error {
    let message = error.to_string();
    error.context(Usage(message))
}

/// Runs the body of a binary, prints its error to stderr, and returns its exit code.
pub fn run(name: &'static str, body: impl FnOnce() -> anyhow::Result<Exit>) -> ExitCode {
    lineage::set_tool(name);
    let code = match body() {
        Ok(exit) => exit.code(),
        Err(error) => {
            let code = code_of(&error);
            if must_be_printed(&error) {
                let message = render(&error);
                progress::suspend(|| eprint!("{message}"));
            }
            code
        }
    };
    ExitCode::from(code)
}

/// Exit code of an error: the code of its first cause that has one.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> u8 {
    // Only anyhow's own downcast reaches a value that was given to `.context(…)`; the chain does
    // not.
    if error.is::<Usage>() {
        return USAGE;
    }
    for cause in error.chain() {
        if cause.is::<Usage>() || cause.is::<ConfigError>() {
            return USAGE;
        }
        if let Some(LockError::Held { .. }) = cause.downcast_ref() {
            return LOCKED;
        }
        if cause.is::<genie_store::Conflict>() {
            return LOCKED;
        }
        if let Some(stopped) = cause.downcast_ref::<Stopped>() {
            return stopped.0;
        }
        if is_closed_pipe(cause) {
            return 0;
        }
    }
    FAILED
}

/// Whether to print the error: not after a closed pipe, and not after Ctrl-C.
fn must_be_printed(error: &anyhow::Error) -> bool {
    !error.chain().any(|cause| cause.is::<Stopped>() || is_closed_pipe(cause))
}

fn is_closed_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Formats the error and its causes, one per line, without causes that the line above contains.
fn render(error: &anyhow::Error) -> String {
    let mut shown = error.to_string();
    let mut text = format!("error: {shown}\n");
    for cause in error.chain().skip(1) {
        let words = cause.to_string();
        if !shown.contains(&words) {
            let _ = writeln!(text, "  cause: {words}");
        }
        shown = words;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    /// Catches: a code is lost when `.context(…)` wraps the error.
    #[test]
    fn the_code_survives_context() {
        let usage: anyhow::Result<()> = Err(Usage("no such split".into()).into());
        assert_eq!(code_of(&usage.context("while reading").unwrap_err()), USAGE);
        let as_context: anyhow::Result<()> = Err(anyhow!("low level"));
        let error = as_context.context(Usage("wrong".into())).unwrap_err();
        assert_eq!(code_of(&error), USAGE);
        let stopped: anyhow::Result<()> = Err(Stopped(143).into());
        assert_eq!(code_of(&stopped.context("epoch 3").unwrap_err()), 143);
        assert_eq!(code_of(&anyhow!("anything else")), FAILED);
    }

    /// Catches: wrong SQL ends with 1; its cause is lost, or its message printed twice.
    #[test]
    fn an_error_can_be_wrong_usage() {
        let error = usage(anyhow!("no column `moton`").context("the query failed"));
        assert_eq!(code_of(&error), USAGE);
        assert_eq!(render(&error), "error: the query failed\n  cause: no column `moton`\n");
    }

    /// Catches: a run that finds the lock held ends with 1 instead of 75.
    #[test]
    fn a_held_lock_has_its_own_code() {
        let held = LockError::Held { path: "x/.lock".into(), holder: "genie-train".into() };
        assert_eq!(code_of(&held.into()), LOCKED);
    }

    /// Catches: `genie-ingest sql … | head` ends with an error.
    #[test]
    fn a_closed_pipe_is_no_failure() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(code_of(&error), 0);
        assert!(!must_be_printed(&error));
    }

    /// Catches: a cause is missing from the message or printed twice.
    #[test]
    fn every_cause_is_printed_once() {
        let error = anyhow!("disk full").context("cannot write x: disk full").context("fit failed");
        assert_eq!(render(&error), "error: fit failed\n  cause: cannot write x: disk full\n");
    }
}
