//! `genie retokenize`: what cron runs every night. New videos become clips, clips that lack tokens get them from the current tokenizer, clips that lack
//! latent actions get them from the current model; nothing is trained.
//!
//! Current is the model that the config pins or, where it pins none, the newest of this config ([`pinned`] in ARCHITECTURE.md). Nothing to do is exit
//! code 0, and another run at work is 75, as for every step.

use genie_stage::Exit;
use genie_stage::config::{self, ConfigArgs};
use toml::{Table, Value};

use crate::runner;
use crate::steps;
use crate::tools::{self, Tools};

/// Runs its steps.
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
