//! Units of work, and how an executor does them.

use anyhow::{Context as _, Result};
use camino::Utf8PathBuf;
use genie_stage::stop::Stop;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attempt::Attempt;

/// A unit of work: what one executor does at a time, on one processor.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkUnit {
    /// A name that follows from the content of the work; it becomes a file name.
    pub name: String,
    /// Everything that an executor must know.
    pub spec: Value,
}

/// Does the units of a stage, on any thread.
pub trait UnitRunner: Send + Sync + 'static {
    /// The dataset root of a unit, on this machine.
    ///
    /// # Errors
    /// If the root cannot be used here.
    fn root(&self, spec: &Value) -> Result<Utf8PathBuf>;

    /// Does a unit. The driver gets the result.
    ///
    /// Two executors may do the same unit at the same time.
    ///
    /// # Errors
    /// If the unit cannot be done here. The driver gives it to an executor again, a few times.
    fn run(&self, spec: &Value, attempt: &Attempt, stop: &Stop) -> Result<Value>;
}

/// What the driver sends to an executor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnitMessage {
    /// The name of the step: the folder of its receipts.
    pub step: String,
    pub unit: String,
    pub spec: Value,
}

impl UnitMessage {
    pub fn to_text(&self) -> Result<String> {
        serde_json::to_string(self).context("a unit of work cannot be written as JSON")
    }

    #[cfg(any(feature = "ballista", test))]
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("the driver sent a unit of work of another form")
    }
}
