//! Prints what training would cost: `genie-train dry-run`, for the frame size in `[ingest]`.

use std::io::{self, Write};
use std::process::Stdio;

use anyhow::Context;
use genie_stage::Exit;
use genie_stage::config::{self, ConfigArgs};
use toml::{Table, Value};

use crate::steps::Stage;
use crate::tools::{self, Tools};

/// Prints the estimates. `hardware` are flags of `genie-train dry-run`.
pub fn run(tools: &Tools, args: &ConfigArgs, hardware: &[String]) -> anyhow::Result<Exit> {
    let config = config::load(args)?;
    let resolved = match tools.resolve(&config, args) {
        Ok(resolved) => resolved,
        Err(error) => return tools::explained(error),
    };
    let size =
        frame_size(&resolved).context("`genie-ingest config` printed no width and height")?;
    let size = format!("--size={size}");
    let words: Vec<&str> =
        ["dry-run", &size].into_iter().chain(hardware.iter().map(String::as_str)).collect();
    match tools.ask(Stage::Train, &words, args, Stdio::inherit()) {
        Ok(text) => write!(io::stdout(), "{text}")?,
        Err(error) => return tools::explained(error),
    }
    Ok(Exit::Done)
}

/// The frame size in `[ingest]`, as `160x90`.
fn frame_size(resolved: &Table) -> Option<String> {
    let side = |key: &str| resolved.get("ingest")?.get(key).and_then(Value::as_integer);
    Some(format!("{}x{}", side("width")?, side("height")?))
}
