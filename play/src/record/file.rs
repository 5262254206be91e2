//! Logs as JSON files.

use std::fs::File;
use std::io::{self, Read};

use camino::Utf8Path;
use serde::Deserialize;

use super::format::{ActionLog, FORMAT};
use super::shown::shown;

/// The largest log that is read, in bytes: more than 100,000 frames need.
const LARGEST: usize = 64 << 20;

/// An action log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot open or read the log `{path}`: {source}")]
    Open { path: String, source: io::Error },
    #[error(transparent)]
    Write(#[from] genie_durable::Error),
    #[error("the log has more than {} MB; such a large log is not read", LARGEST >> 20)]
    TooLarge,
    #[error("the log ends too early; copy it again, or save it again on the page")]
    Truncated,
    #[error("this is no action log of genie-play: {reason}")]
    NotALog { reason: String },
    #[error("the log has format {found}, and this program reads format {FORMAT}; use {program}")]
    Format { found: u64, program: String },
    #[error("the log is wrong: {fault}; save it again on the page")]
    Wrong { fault: String },
}

/// What is read first, so that a later format has its own message.
#[derive(Deserialize)]
struct LogHeader {
    format: u64,
    #[serde(default)]
    program: String,
}

impl ActionLog {
    /// Reads and checks a log.
    pub fn read(path: &Utf8Path) -> Result<Self, LogError> {
        let open = |source| LogError::Open { path: path.to_string(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(open)?;
        file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(open)?;
        Self::parse(&bytes)
    }

    /// Parses and checks the bytes of a log.
    pub fn parse(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > LARGEST {
            return Err(LogError::TooLarge);
        }
        let header: LogHeader = serde_json::from_slice(bytes).map_err(|error| no_log(&error))?;
        if header.format != FORMAT {
            let program = match header.program.as_str() {
                "" => "the program that wrote it".to_owned(),
                program => shown(program, 60),
            };
            return Err(LogError::Format { found: header.format, program });
        }
        let log: Self = serde_json::from_slice(bytes)
            .map_err(|error| LogError::Wrong { fault: words(&error) })?;
        log.check().map_err(|fault| LogError::Wrong { fault })?;
        Ok(log)
    }

    /// Returns the log as JSON in one line.
    ///
    /// # Panics
    /// Panics if a number of the log is not finite.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).expect("a log has only text and numbers");
        json.push(b'\n');
        json
    }

    /// Writes the log to a file, whole or not at all.
    ///
    /// # Errors
    /// [`LogError::Wrong`] for a log that could not be read again, and errors of the disk.
    pub fn write(&self, path: &Utf8Path) -> Result<(), LogError> {
        self.check().map_err(|fault| LogError::Wrong { fault })?;
        Ok(genie_durable::write(path, self.to_json())?)
    }
}

/// The words of an error, which can contain text of the log.
fn words(error: &serde_json::Error) -> String {
    shown(&error.to_string(), 300)
}

fn no_log(error: &serde_json::Error) -> LogError {
    if error.is_eof() { LogError::Truncated } else { LogError::NotALog { reason: words(error) } }
}
