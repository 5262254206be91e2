//! Measures a world model on held-out recordings and writes the report: `report.json` for programs, `report.html` for
//! people.
//!
//! | module | what it answers |
//! |---|---|
//! | `run`, `config` | the command: what is measured, is it up to date, where does it go |
//! | `models`, `trained` | which models belong together; they as a [`world::WorldModel`] |
//! | `footage`, [`windows`] | which held-out windows |
//! | [`world`] | what is asked of the models, and how answers are checked |
//! | `work`, `rows`, `parts` | everything that takes time; what is kept of it, window by window; what a killed run left |
//! | [`measure`], [`draws`] | rollouts with inferred, random, time-shuffled and held actions, as scores |
//! | [`speed`] | frames a second |
//! | [`distance`], `encoders` | how far generated clips are from real ones: the statistics, and I3D or our own encoder |
//! | [`perceptual`], `lpips` | how different frames look: which are compared, and LPIPS with the user's weights |
//! | [`pixels`], [`motion`], [`information`], [`agreement`], [`consistency`], [`bootstrap`] | the statistics, as pure functions |
//! | [`summary`], [`report`] | scores to `report.json` |
//! | `compare` | reports side by side, and gates |
//! | [`verdict`], [`chart`], [`arrows`], [`canvas`], [`pictures`], [`html`] | `report.html` |
//!
//! Statistics and report do not know Burn: everything between [`world`] and [`html`] runs in the tests on a toy world
//! whose true values are known. What the numbers mean is written in `evaluate/README.md`.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of frames, codes and pixels are far below 2^52, and what is cast back was bounded just before"
)]

mod compare;
mod config;
mod distance;
mod evaluation;
mod held_out;
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
use genie_stage::config::DataConfig;
use genie_stage::{Exit, status};
use genie_training::ModelArgs;

use crate::config::WeightsArgs;

/// Measures a trained world model on held-out recordings and writes report.json and report.html.
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
    /// Make the report, if it is not there; its directory is the last line on stdout
    Run,
    /// Put reports side by side, with differences and their intervals; fail when one is worse than it may be
    Compare(compare::CompareArgs),
    /// Print the resolved sections that this stage uses, as TOML
    Config,
    /// Say where the report is, or what it waits for
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// The binary.
///
/// # Errors
/// As the message says; the exit code goes by `genie_stage::exit`.
pub fn run() -> Result<Exit> {
    let cli: Cli = genie_stage::cli::parse();
    let config = cli.args.config()?;
    let sections = || run::EvaluateSections::read(&config, cli.args.device(), &cli.weights);
    match cli.command {
        Command::Run => return run::run(&sections()?),
        Command::Compare(args) => {
            return compare::run(&args, &config.section::<DataConfig>()?.root);
        }
        Command::Config => print!("{}", sections()?.resolved()),
        Command::Status { json } => status::print(&[sections()?.status()?], json)?,
    }
    Ok(Exit::Done)
}
