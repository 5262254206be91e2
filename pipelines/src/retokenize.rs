//! `genie retokenize`: the nightly run, which trains nothing.
//!
//! It ingests new videos, encodes clips that lack tokens with the current tokenizer, and labels
//! clips that lack latent actions with the current model. The current model is the one that the
//! config pins, or the newest of this config if it pins none ("Pinned models" in ARCHITECTURE.md).
//! The exit codes are the same as for every step: 0 if there is nothing to do, 75 if another run
//! holds the lock.

use genie_stage::Exit;
use genie_stage::config::{self, ConfigArgs};
use toml::{Table, Value};

use crate::runner;
use crate::steps;
use crate::tools::{self, Tools};

/// Runs the steps of `genie retokenize`.
pub fn run(tools: &Tools, args: &ConfigArgs) -> anyhow::Result<Exit> {
    let resolved = match tools.resolve(&config::load(args)?, args) {
        Ok(resolved) => resolved,
        Err(error) => return tools::explained(error),
    };
    let mut args = args.clone();
    args.set.extend(
        ["tokenizer", "lam"].into_iter().filter(|model| !is_pinned(&resolved, model)).map(newest),
    );
    runner::run(tools, &args, steps::retokenize)
}

fn is_pinned(resolved: &Table, model: &str) -> bool {
    let pinned = resolved.get("pinned").and_then(|section| section.get(model));
    pinned.and_then(Value::as_str).is_some_and(|key| !key.is_empty())
}

fn newest(model: &str) -> String {
    format!("pinned.{model}=newest")
}
