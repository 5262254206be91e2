//! How a binary ends: the error it prints and the code it leaves with.
//!
//! The codes are a contract with shells, cron and `genie run` (ARCHITECTURE, "Streams and exit codes"), so they are
//! decided in this one place, from the kind of the error and not where it happened:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done (also: the reader of our stdout went away, as in `… \| head`) |
//! | 1 | failed |
//! | 2 | done, but some inputs were rejected; they are recorded |
//! | 64 | wrong usage: command line or config; nothing was started |
//! | 75 | another run holds the lock; try later |
//! | 130, 143 | stopped by Ctrl-C, SIGTERM; what was done is kept |

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::lock::LockError;
use crate::stop::Stopped;
use crate::{lineage, progress};

pub const FAILED: u8 = 1;
pub const REJECTS: u8 = 2;
pub const USAGE: u8 = 64;
pub const LOCKED: u8 = 75;

/// How a run ended that did not fail by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done, or there was nothing to do.
    Done,
    /// Done, but some inputs were rejected.
    Rejects,
    /// Stopped on request, after saving; the code is [`crate::stop::Stop::exit_code`].
    Stopped(u8),
    /// Failed with this code, and the reason was already told on stderr (by a child process, say).
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

/// The user asked for something that cannot be asked for: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Runs a binary's body; prints its error, if any, to stderr; returns its exit code.
pub fn run(name: &'static str, body: impl FnOnce() -> anyhow::Result<Exit>) -> ExitCode {
    lineage::set_tool(name);
    let code = match body() {
        Ok(exit) => exit.code(),
        Err(error) => {
            let code = code_of(&error);
            if deserves_words(&error) {
                let message = render(&error);
                progress::suspend(|| eprint!("{message}"));
            }
            code
        }
    };
    ExitCode::from(code)
}

/// The exit code of an error, by the first of its causes that has one of its own.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> u8 {
    // A value given to `.context(…)` is only reachable by anyhow's own downcast, not through the chain.
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
        if let Some(stopped) = cause.downcast_ref::<Stopped>() {
            return stopped.0;
        }
        if is_closed_pipe(cause) {
            return 0;
        }
    }
    FAILED
}

/// A reader that went away and a user who pressed Ctrl-C know what they did.
fn deserves_words(error: &anyhow::Error) -> bool {
    !error.chain().any(|cause| cause.is::<Stopped>() || is_closed_pipe(cause))
}

fn is_closed_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error and its causes, one a line; a cause whose words are already in the line above it is not repeated.
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

    /// Would catch: a code being lost when somebody adds `.context(…)` on the way up.
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

    /// Would catch: `genie-ingest sql … | head` ending in an error.
    #[test]
    fn a_closed_pipe_is_no_failure() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(code_of(&error), 0);
        assert!(!deserves_words(&error));
    }

    /// Would catch: causes missing from the message, or said twice.
    #[test]
    fn every_cause_is_told_once() {
        let error = anyhow!("disk full").context("cannot write x: disk full").context("fit failed");
        assert_eq!(render(&error), "error: fit failed\n  cause: cannot write x: disk full\n");
    }
}
