//! Prints what each config key means: the references of all stages, put together.

use std::io::{self, Write};
use std::process::Stdio;

use anyhow::Context;
use genie_stage::Exit;
use genie_stage::config::{ConfigArgs, ConfigReference};

use crate::steps::Stage;
use crate::tools::{self, Tools};

/// Prints the reference of all sections, or of the section or key `name` if it is not empty.
pub fn run(tools: &Tools, name: &str, markdown: bool) -> anyhow::Result<Exit> {
    let mut reference = match merged(tools) {
        Ok(reference) => reference,
        Err(error) => return tools::explained(error),
    };
    if !name.is_empty() {
        reference = reference.select(name)?;
    }
    let text = if markdown { reference.to_markdown() } else { reference.to_string() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Asks each stage for its sections. A section of several stages is in the result once.
fn merged(tools: &Tools) -> anyhow::Result<ConfigReference> {
    tools.check()?;
    let mut parts: Vec<ConfigReference> = Vec::new();
    for stage in Stage::ALL {
        let words = ["config", "--explain", "--json"];
        let text = tools.ask(stage, &words, &ConfigArgs::default(), Stdio::inherit())?;
        parts.push(serde_json::from_str(&text).with_context(|| {
            format!("`{} {}` printed no config reference", stage.binary(), words.join(" "))
        })?);
    }
    Ok(ConfigReference::merged(&parts))
}
