//! Measures a world model on held-out recordings and writes `report.json` and `report.html`.
//!
//! | module | contents |
//! |---|---|
//! | `run` | the `run` command, its config, and the key of its report |
//! | `held_out` | the choice of held-out windows, and their frames |
//! | `world` | the interface to the models under test, and the checks of their answers |
//! | `networks` | everything that uses the networks of `genie_model`: trained models, I3D, LPIPS |
//! | `evaluation` | all slow work, window by window, with resume after a stop |
//! | `measure` | rollouts with inferred, random, time-shuffled and held actions, as scores |
//! | `long` | rollouts of whole clips: scores, objects, late windows, there and back |
//! | `distance` | distances between real and generated clips |
//! | `statistics` | PSNR, SSIM, motion, NMI, bootstrap and the like, as pure functions |
//! | `report` | from scores to `report.json` |
//! | `page` | `report.html`, with its verdict cards, charts and pictures |
//! | `compare` | the `compare` command: reports side by side, and gates |
//! | `random` | every random choice, from one seed |
//!
//! Only `networks` uses Burn, through `genie_model`. The tests run everything else on a toy world
//! whose true values are known. `docs/report.md` explains the numbers.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of frames, codes and pixels are far below 2^52, and values are bounded before \
              each cast"
)]

mod compare;
mod distance;
mod evaluation;
mod held_out;
mod long;
mod measure;
mod networks;
mod page;
mod random;
mod report;
mod run;
mod statistics;
#[cfg(test)]
mod testing;
mod world;

use anyhow::Result;
use clap::{Parser, Subcommand};
use genie_stage::Exit;
use genie_stage::config::DataConfig;
use genie_training::{Inspect, ModelArgs, mark_usage_errors};

use crate::run::WeightsArgs;

/// Measure a trained world model on held-out recordings; write report.json and report.html.
#[derive(Parser, Debug)]
#[command(name = "genie-evaluate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    args: ModelArgs,
    #[command(flatten)]
    weights: WeightsArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make the report if it does not exist; the last line on stdout is its directory.
    Run,
    /// Show reports side by side, with differences and intervals; fail if a `--fail-if` holds.
    Compare(compare::CompareArgs),
    #[command(flatten)]
    Inspect(Inspect),
}

/// Runs the `genie-evaluate` binary.
pub fn run() -> Result<Exit> {
    mark_usage_errors(run_command())
}

fn run_command() -> Result<Exit> {
    let cli: Cli = genie_stage::cli::parse();
    let config = cli.args.config()?;
    let sections = || run::EvaluateSections::read(&config, cli.args.device(), &cli.weights);
    match cli.command {
        Command::Run => run::run(&sections()?),
        Command::Compare(args) => {
            compare::run(&args, &config.section::<DataConfig>()?.mounted()?.root)
        }
        Command::Inspect(inspect) => {
            let sections = sections()?;
            inspect.run(&sections.resolved(), &sections.devices(), || Ok(vec![sections.status()?]))
        }
    }
}
