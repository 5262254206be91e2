//! Plays a world model live: an image in, actions in, frames out.
//!
//! | module | contents |
//! |---|---|
//! | `serve`, `roll`, `replay` | the commands |
//! | `world` | the models of a config as something that is played; held-out clips |
//! | `engine` | the thread that owns the models and all sessions |
//! | `server` | routes and web sockets; `libs/serve` says who may connect, and how much |
//! | `info` | what a page needs to know about a world |
//! | `actions` | names of actions from their measured effects; sequences in words |
//! | `pictures` | images of players in; PNG, strips and GIF out |
//! | `record` | the action log |
//! | `output` | the files of `roll` and `replay` |
//!
//! The page is in `play/page`: HTML, CSS and JavaScript without a build step. The server embeds it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "sides, colours and rates are small numbers"
)]

mod actions;
mod engine;
mod info;
mod output;
mod pictures;
mod record;
mod replay;
mod roll;
mod serve;
mod server;
mod world;

use anyhow::Result;
use clap::{Parser, Subcommand};
use genie_catalog::Condition;
use genie_stage::Exit;
use genie_training::{ClipFilter, ModelArgs, mark_usage_errors};

use crate::serve::Serving;
use crate::world::{Clips, PlaySections, PlayableWorld};

/// Evaluates SQL over clips.
const FILTER: ClipFilter = |expression, clips| Ok(Condition::parse(expression)?.holds(clips)?);

/// Play a trained world model: in a browser, or from a script.
#[derive(Parser, Debug)]
#[command(name = "genie-play", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    args: ModelArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Serve a page on which people play; its URL is printed to stdout.
    Serve(serve::ServeArgs),
    /// Generate frames from an image or a clip and a list of actions, as a GIF or a PNG strip.
    Roll(roll::RollArgs),
    /// Generate the frames of an action log again, and report the first one that differs.
    Replay(replay::ReplayArgs),
}

/// Runs the `genie-play` binary.
pub fn run() -> Result<Exit> {
    mark_usage_errors(run_command())
}

fn run_command() -> Result<Exit> {
    let cli: Cli = genie_stage::cli::parse();
    let config = cli.args.config()?;
    let sections = PlaySections::read(&config, cli.args.device(), FILTER)?;
    let world = || world::load(&sections);
    let clips = |world: &PlayableWorld| Clips::open(sections.root(), world.size(), FILTER);
    match cli.command {
        Command::Serve(args) => {
            let serving = Serving::bind(args)?;
            let world = world()?;
            let clips = clips(&world)?;
            serving.run(world, clips)
        }
        Command::Roll(args) => {
            let world = world()?;
            roll::roll(&world, &clips(&world)?, &args)
        }
        Command::Replay(args) => replay::replay(&world()?, &args),
    }
}
