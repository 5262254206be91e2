//! State of a step: every stage prints it with `status --json`, and `genie status` reads it.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// State of a step under the current config and data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// The output exists; another run does nothing.
    Done,
    /// Started but not finished; another run resumes it.
    Partial,
    /// The inputs exist, and the output does not.
    Missing,
    /// The inputs do not exist yet.
    Waiting,
}

impl StepState {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Missing => "missing",
            Self::Waiting => "waiting",
        }
    }
}

/// State of one step of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStatus {
    /// Subcommand of the step, as typed: "fit", "encode".
    pub step: String,
    /// Work key; empty while waiting, because a key needs the inputs.
    #[serde(default)]
    pub key: String,
    /// Directory of the output; empty while waiting.
    #[serde(default)]
    pub dir: String,
    pub state: StepState,
    /// What is missing, for people: "clips: run genie-ingest run".
    #[serde(default)]
    pub needs: String,
}

impl StepStatus {
    /// A step without a key, because its inputs do not exist.
    ///
    /// `needs` is the command that writes the inputs.
    #[must_use]
    pub fn waiting(step: &str, needs: &str) -> Self {
        Self {
            step: step.into(),
            key: String::new(),
            dir: String::new(),
            state: StepState::Waiting,
            needs: needs.into(),
        }
    }

    /// Makes this step wait for `needs` if `done` is false.
    ///
    /// A step that already waits keeps its first missing input.
    #[must_use]
    pub fn after(mut self, done: bool, needs: &str) -> Self {
        if !done && self.state != StepState::Waiting {
            self.state = StepState::Waiting;
            needs.clone_into(&mut self.needs);
        }
        self
    }
}

/// Prints `steps` on stdout: as one JSON array, or as one line per step.
pub fn print(steps: &[StepStatus], json: bool) -> io::Result<()> {
    if json { print_json(steps) } else { print_text(steps) }
}

fn print_json(steps: &[StepStatus]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, steps)?;
    writeln!(stdout)
}

fn print_text(steps: &[StepStatus]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for step in steps {
        let place = if step.needs.is_empty() { &step.dir } else { &step.needs };
        let line = format!("{:<10} {:<8} {:<16} {place}", step.step, step.state.word(), step.key);
        writeln!(stdout, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a field or a state is renamed, which would break every reader of `status --json`.
    #[test]
    fn the_json_is_a_contract() {
        let step = StepStatus {
            step: "fit".into(),
            key: "0123456789abcdef".into(),
            dir: "data/demo/models/tokenizer/0123456789abcdef".into(),
            state: StepState::Partial,
            needs: String::new(),
        };
        let json = concat!(
            r#"{"step":"fit","key":"0123456789abcdef","#,
            r#""dir":"data/demo/models/tokenizer/0123456789abcdef","#,
            r#""state":"partial","needs":""}"#
        );
        assert_eq!(serde_json::to_string(&step).unwrap(), json);
        let short: StepStatus =
            serde_json::from_str(r#"{"step":"lam","state":"waiting"}"#).unwrap();
        assert_eq!(short.state, StepState::Waiting);
    }
}
