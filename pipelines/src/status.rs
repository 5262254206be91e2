//! `genie status`: the state of every step, and the last runs of `encode` and `label`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::Stdio;

use genie_stage::Exit;
use genie_stage::config::{self, ConfigArgs, DataConfig};
use genie_stage::status::StepStatus;
use serde::Serialize;

use crate::history;
use crate::steps::{self, Stage};
use crate::tools::{self, Tools};

/// A row of the table: the status of a step, and its stage.
#[derive(Debug, Serialize)]
struct StatusRow {
    stage: &'static str,
    #[serde(flatten)]
    status: StepStatus,
}

/// Prints the state of all steps on stdout.
pub fn print(tools: &Tools, args: &ConfigArgs, json: bool) -> anyhow::Result<Exit> {
    let config = config::load(args)?;
    let data = config.section::<DataConfig>()?.mounted()?;
    tools.check()?;
    let rows = match rows(tools, args, &data) {
        Ok(rows) => rows,
        Err(error) => return tools::explained(error),
    };
    let text = if json {
        serde_json::to_string_pretty(&rows)? + "\n"
    } else {
        table(&rows) + &selection(&data.r#where) + &history::table(&history::last(&data.root))
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn rows(tools: &Tools, args: &ConfigArgs, data: &DataConfig) -> anyhow::Result<Vec<StatusRow>> {
    let planned = steps::for_data(data);
    let mut rows = Vec::new();
    for stage in Stage::ALL {
        let statuses = tools.status(stage, args, Stdio::inherit())?;
        // The table has only the steps that this pipeline runs, in its order.
        let steps = planned.iter().filter(|step| step.stage == stage);
        rows.extend(
            steps
                .filter_map(|step| step.find(&statuses))
                .map(|status| StatusRow { stage: stage.name(), status: status.clone() }),
        );
    }
    Ok(rows)
}

fn table(rows: &[StatusRow]) -> String {
    let mut text = format!("{:<17} {:<8} {:<17} {}\n", "step", "state", "key", "where");
    for StatusRow { stage, status } in rows {
        let step = format!("{stage} {}", status.step);
        let place = match (status.dir.as_str(), status.needs.as_str()) {
            (dir, "") => dir.to_owned(),
            ("", needs) => format!("needs {needs}"),
            (dir, needs) => format!("{dir} (needs {needs})"),
        };
        let key = if status.key.is_empty() { "-" } else { &status.key };
        let line = format!("{step:<17} {:<8} {key:<17} {place}", status.state.word());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The line that says which clips models are trained on; empty for all clips.
fn selection(expression: &str) -> String {
    if expression.trim().is_empty() {
        String::new()
    } else {
        format!("trained on clips where {expression}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genie_stage::status::StepState;

    /// Catches: columns run into each other; the line of a waiting step does not say what the step
    /// waits for.
    #[test]
    fn the_table_says_what_is_needed() {
        let row = |stage, step: &str, state, key: &str, dir: &str, needs: &str| StatusRow {
            stage,
            status: StepStatus {
                step: step.into(),
                key: key.into(),
                dir: dir.into(),
                state,
                needs: needs.into(),
            },
        };
        let key = "0123456789abcdef";
        let text = table(&[
            row("tokenize", "fit", StepState::Done, key, "data/m", ""),
            row("train", "lam", StepState::Waiting, "", "", "clips"),
        ]);
        assert_eq!(
            text,
            "step              state    key               where\n\
             tokenize fit      done     0123456789abcdef  data/m\n\
             train lam         waiting  -                 needs clips\n"
        );
    }
}
