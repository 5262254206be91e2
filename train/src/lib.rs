//! Training on GPU hosts or CPUs without FFmpeg: `lam` learns latent actions from pixels, `label` writes them for every window, `dynamics`
//! learns from token shards and labels alone.

mod label;
mod windows;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use genie_model::{Device, train_dynamics, train_lam};
use genie_shards::Split;
use genie_stage::Exit;
use genie_stage::status::{self, StepStatus};
use genie_training::{Chain, ExportArgs, ModelArgs, Sections, export, fit, footage};

/// Trains the latent action model and the dynamics model.
#[derive(Parser, Debug)]
#[command(name = "genie-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    args: ModelArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Train the latent action model, or go on from its last checkpoint
    Lam,
    /// Write the latent actions of every window of every clip
    Label,
    /// Train the dynamics model on tokens and latent actions, or go on from its last checkpoint
    Dynamics,
    /// Write a model's weights, as of its newest checkpoint, to a file for other programs
    #[command(subcommand)]
    Export(Exported),
    /// Print the resolved sections that this stage uses, as TOML
    Config,
    /// Say where the steps of this stage stand
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand, Debug)]
enum Exported {
    /// The latent action model
    Lam(ExportArgs),
    /// The dynamics model
    Dynamics(ExportArgs),
}

/// The binary.
///
/// # Errors
/// As the message says; the exit code goes by `genie_stage::exit`.
pub fn run() -> Result<Exit> {
    let cli: Cli = genie_stage::cli::parse();
    let sections = cli.args.sections()?;
    if let Command::Config = cli.command {
        print!("{}", sections.resolved());
        return Ok(Exit::Done);
    }
    if let Command::Status { json } = cli.command {
        status::print(&standing(Chain::of(&sections)?.as_ref()), json)?;
        return Ok(Exit::Done);
    }
    let chain = Chain::existing(&sections)?;
    match cli.command {
        Command::Lam => lam(&sections, &chain),
        Command::Export(Exported::Lam(to)) => export(&chain.lam, "latent action model", "genie-train lam", &to),
        Command::Export(Exported::Dynamics(to)) => {
            export(&chain.dynamics, "dynamics model", "genie-train dynamics", &to)
        }
        Command::Label => label::label(&sections, &chain, sections.lam.0.device.parse()?),
        _ => dynamics(&sections, &chain),
    }
}

fn lam(sections: &Sections, chain: &Chain) -> Result<Exit> {
    let config = &sections.lam.0;
    let device: Device = config.device.parse()?;
    let fitted = fit(&chain.lam, &sections.resolved(), "latent actions", config.train.steps, |dir, watch| {
        let clips = footage(&sections.data.root, Split::Train)?;
        Ok(train_lam(config, &clips, dir, &device, watch)?)
    })?;
    Ok(fitted.into())
}

fn dynamics(sections: &Sections, chain: &Chain) -> Result<Exit> {
    for (done, command) in
        [(chain.tokens.is_done(), "genie-tokenize encode"), (chain.actions.is_done(), "genie-train label")]
    {
        if !done {
            bail!(
                "the dynamics model of this config trains on tokens and latent actions that are not there yet: run `{command}`"
            );
        }
    }
    let config = &sections.dynamics.0;
    let device: Device = config.device.parse()?;
    let fitted = fit(&chain.dynamics, &sections.resolved(), "dynamics", config.train.steps, |dir, watch| {
        // The chain's keys say that tokens and labels were made with these very sections.
        let (codes, actions) = (sections.tokenizer.0.quantizer.size(), sections.lam.0.quantizer.size());
        Ok(train_dynamics(config, &windows::read(chain)?, codes, actions, dir, &device, watch)?)
    })?;
    Ok(fitted.into())
}

fn standing(chain: Option<&Chain>) -> Vec<StepStatus> {
    let Some(chain) = chain else {
        return ["lam", "label", "dynamics"].map(|step| StepStatus::waiting(step, "genie-ingest run")).into();
    };
    vec![
        chain.lam.status("lam"),
        chain.actions.status("label").after(chain.lam.is_done(), "genie-train lam"),
        chain
            .dynamics
            .status("dynamics")
            .after(chain.tokens.is_done(), "genie-tokenize encode")
            .after(chain.actions.is_done(), "genie-train label"),
    ]
}
