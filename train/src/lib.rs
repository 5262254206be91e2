//! Training on GPU hosts or CPUs without FFmpeg: `lam` learns latent actions from pixels, `label` writes them for every window, `dynamics`
//! learns from token shards and labels alone.

mod label;
mod windows;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use genie_model::{Device, Lam, Tokenizer, train_dynamics, train_lam};
use genie_shards::Split;
use genie_stage::Exit;
use genie_stage::config::{ConfigArgs, load};
use genie_stage::log::Verbosity;
use genie_stage::status::{self, State, StepStatus};
use genie_training::{Chain, Sections, fit, footage};

/// Trains the latent action model and the dynamics model.
#[derive(Parser, Debug)]
#[command(name = "genie-train", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    verbosity: Verbosity,
    /// Where models run, before the config's: cpu or cuda[:n]
    #[arg(long, global = true, value_name = "DEVICE")]
    device: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Train the latent action model, or go on from its last checkpoint
    Lam,
    /// Write the latent actions of every window of every clip
    Label,
    /// Train the dynamics model on tokens and latent actions, or go on from its last checkpoint
    Dynamics,
    /// Print the resolved sections that this stage uses, as TOML
    Config,
    /// Say where the steps of this stage stand
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
    genie_stage::log::init(cli.verbosity.level());
    let mut sections = Sections::read(&load(&cli.config)?)?;
    if let Some(device) = &cli.device {
        sections.run_on(device);
    }
    if let Command::Config = cli.command {
        print!("{}", sections.resolved());
        return Ok(Exit::Done);
    }
    let chain = Chain::of(&sections)?;
    if let Command::Status { json } = cli.command {
        let steps = standing(chain.as_ref());
        if json {
            status::print_json(&steps)?;
        } else {
            status::print_text(&steps)?;
        }
        return Ok(Exit::Done);
    }
    let Some(chain) = chain else {
        bail!("there are no clips under {}: run `genie-ingest run` first", sections.data.root);
    };
    match cli.command {
        Command::Lam => lam(&sections, &chain),
        Command::Label => label::label(&sections, &chain, sections.lam.0.device.parse()?),
        _ => dynamics(&sections, &chain),
    }
}

fn lam(sections: &Sections, chain: &Chain) -> Result<Exit> {
    let config = &sections.lam.0;
    let device: Device = config.device.parse()?;
    let fitted = fit(&chain.lam, &sections.resolved(), "latent actions", config.train.steps, |dir, watch| {
        let clips = footage(&sections.data.root, Split::Train)
            .map_err(|error| genie_model::ModelError::Source(error.into()))?;
        train_lam(config, &clips, dir, &device, watch)
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
        let codes = Tokenizer::load(chain.tokenizer.path(), &Device::Cpu)?.codebook_size();
        let actions = Lam::load(chain.lam.path(), &Device::Cpu)?.num_actions();
        let data = windows::read(chain).map_err(|error| genie_model::ModelError::Source(error.into()))?;
        train_dynamics(config, &data, codes, actions, dir, &device, watch)
    })?;
    Ok(fitted.into())
}

fn standing(chain: Option<&Chain>) -> Vec<StepStatus> {
    let Some(chain) = chain else {
        return ["lam", "label", "dynamics"]
            .map(|step| StepStatus {
                step: step.into(),
                key: String::new(),
                dir: String::new(),
                state: State::Waiting,
                needs: "genie-ingest run".into(),
            })
            .into();
    };
    let after = |mut status: StepStatus, needs: &[(bool, &str)]| {
        if let Some((_, missing)) = needs.iter().find(|(done, _)| !done) {
            status.state = State::Waiting;
            (*missing).clone_into(&mut status.needs);
        }
        status
    };
    let labelled = (chain.actions.is_done(), "genie-train label");
    vec![
        chain.lam.status("lam"),
        after(chain.actions.status("label"), &[(chain.lam.is_done(), "genie-train lam")]),
        after(chain.dynamics.status("dynamics"), &[(chain.tokens.is_done(), "genie-tokenize encode"), labelled]),
    ]
}
