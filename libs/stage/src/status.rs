//! Where a step stands, told to other programs: what every stage's `status --json` prints and `genie status` reads.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// How far a step's work under the current config and data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its output is there; running it again does nothing.
    Done,
    /// Begun, not finished; running it goes on.
    Partial,
    /// Its inputs are there, its output is not.
    Missing,
    /// Its inputs are not there yet.
    Waiting,
}

impl State {
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

/// One step of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepStatus {
    /// The step's subcommand, as typed: "fit", "encode".
    pub step: String,
    /// Its work key; empty while waiting, because a key needs the inputs.
    #[serde(default)]
    pub key: String,
    /// Where its output is or will be; empty while waiting.
    #[serde(default)]
    pub dir: String,
    pub state: State,
    /// What is missing, for a person: "clips: run genie-ingest run".
    #[serde(default)]
    pub needs: String,
}

impl StepStatus {
    /// A step that has no key yet, because what it works on is not there: `needs` is the command that makes it.
    #[must_use]
    pub fn waiting(step: &str, needs: &str) -> Self {
        Self {
            step: step.into(),
            key: String::new(),
            dir: String::new(),
            state: State::Waiting,
            needs: needs.into(),
        }
    }

    /// This step, waiting for `needs` unless that is `done`. The first thing that is missing is what it waits for.
    #[must_use]
    pub fn after(mut self, done: bool, needs: &str) -> Self {
        if !done && self.state != State::Waiting {
            self.state = State::Waiting;
            needs.clone_into(&mut self.needs);
        }
        self
    }
}

/// Prints `steps` on stdout: as one JSON array, or for a person, one a line.
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

    /// Would catch: a renamed field or state, which would break everything that reads `status --json`.
    #[test]
    fn the_json_is_a_contract() {
        let step = StepStatus {
            step: "fit".into(),
            key: "0123456789abcdef".into(),
            dir: "data/demo/models/tokenizer/0123456789abcdef".into(),
            state: State::Partial,
            needs: String::new(),
        };
        let json = r#"{"step":"fit","key":"0123456789abcdef","dir":"data/demo/models/tokenizer/0123456789abcdef","state":"partial","needs":""}"#;
        assert_eq!(serde_json::to_string(&step).unwrap(), json);
        let short: StepStatus =
            serde_json::from_str(r#"{"step":"lam","state":"waiting"}"#).unwrap();
        assert_eq!(short.state, State::Waiting);
    }
}
