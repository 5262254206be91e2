//! Errors of the config: they give the place, and what to write instead.

use std::fmt;
use std::io;

use camino::Utf8PathBuf;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    File { path: Utf8PathBuf, line: usize },
    Set(String),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Set(text) => write!(f, "--set {text}"),
            Self::Default => write!(f, "default"),
        }
    }
}

/// A key that its section does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    pub section: String,
    pub key: String,
    pub origin: Origin,
    /// Nearest key of the same section, if one is similar.
    pub nearest: Option<String>,
    /// Other sections that have a key of this name.
    pub elsewhere: Vec<String>,
    /// All keys of the section.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, key, .. } = self;
        write!(f, "{}: [{section}] has no key `{key}`", self.origin)?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        for other in &self.elsewhere {
            write!(f, "; `{key}` is a key of [{other}]")?;
        }
        if self.nearest.is_none() && self.elsewhere.is_empty() {
            write!(f, "; its keys are: {}", self.known.join(", "))?;
        }
        Ok(())
    }
}

/// The config cannot be used: exit code 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the config file {path}")]
    Read { path: Utf8PathBuf, source: io::Error },
    #[error("{path} is not valid TOML: {message}")]
    Syntax { path: Utf8PathBuf, message: String },
    #[error("--set {text}: {reason}")]
    Override { text: String, reason: String },
    #[error("{origin}: there is no section [{name}]; {hint}")]
    UnknownSection { name: String, origin: Origin, hint: String },
    #[error("{origin}: `{name}` is outside any section; {hint}")]
    NotASection { name: String, origin: Origin, hint: String },
    #[error("{}", lines(.0))]
    UnknownKeys(Vec<UnknownKey>),
    #[error("{origin}: {key}: {message}")]
    Value { key: String, origin: Origin, message: String },
    #[error("section [{section}]: {message}")]
    Invalid { section: &'static str, message: String },
}

fn lines(keys: &[UnknownKey]) -> String {
    let lines: Vec<_> = keys.iter().map(ToString::to_string).collect();
    lines.join("\n       ")
}
