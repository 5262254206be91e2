//! Training on GPU hosts or CPUs without FFmpeg: `lam` learns latent actions from pixels, `label` writes them for every window, `dynamics`
//! learns from token shards and labels alone.

mod dry_run;
mod label;
mod windows;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use genie_catalog::Condition;
use genie_model::{ActionSource, Device, LamInput, Tokenizer, Video, train_dynamics, train_lam};
use genie_shards::ActionWindow;
use genie_stage::Exit;
use genie_stage::status::{self, State, StepStatus};
use genie_training::{
    Chain, CodeVideo, ExportArgs, GcArgs, ModelArgs, Sections, VerifyArgs, export, fit, footage,
    gc, verify,
};
use windows::Labels;

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
    /// Read all latent actions again and compare them with what was noted when they were written
    Verify(VerifyArgs),
    /// Drop the labels of old latent action models, and what killed runs left
    Gc(GcArgs),
    /// Say what training all three models would cost, and train nothing
    DryRun(dry_run::Args),
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
    let sections = cli
        .args
        .sections()?
        .judging(|expression, clips| Ok(Condition::parse(expression)?.holds(clips)?))?;
    match cli.command {
        Command::Lam => lam(&sections, &Chain::to_train(&sections)?),
        Command::Label => {
            label::label(&sections, &Chain::existing(&sections)?, sections.lam.0.device.parse()?)
        }
        Command::Dynamics => dynamics(&sections, &Chain::to_train(&sections)?),
        Command::Export(Exported::Lam(to)) => {
            export(&Chain::existing(&sections)?.lam, "latent action model", "genie-train lam", &to)
        }
        Command::Export(Exported::Dynamics(to)) => export(
            &Chain::existing(&sections)?.dynamics,
            "dynamics model",
            "genie-train dynamics",
            &to,
        ),
        Command::Verify(args) => verify::<ActionWindow>(&sections.data.root, &args),
        Command::Gc(args) => gc::<ActionWindow>(&sections.data.root, &current(&sections)?, &args),
        Command::DryRun(args) => dry_run::dry_run(&sections, &args),
        Command::Config => {
            print!("{}", sections.resolved());
            Ok(Exit::Done)
        }
        Command::Status { json } => {
            status::print(&standing(&sections, Chain::of(&sections)?.as_ref())?, json)?;
            Ok(Exit::Done)
        }
    }
}

/// Keys of the latent action models whose labels are of use under this config: the chain's, and the one that would be pinned as the newest.
fn current(sections: &Sections) -> Result<Vec<String>> {
    let chain = Chain::of(sections)?.map(|chain| chain.lam.key().clone());
    Ok(chain.into_iter().chain(sections.newest_lam()?).map(|key| key.to_string()).collect())
}

fn lam(sections: &Sections, chain: &Chain) -> Result<Exit> {
    let config = &sections.lam.0;
    let device: Device = config.device.parse()?;
    if config.input == LamInput::Tokens && !chain.tokens.is_done() {
        bail!(
            "[lam] input = \"tokens\", and the tokens of this config are not there yet: run `genie-tokenize encode`"
        );
    }
    let fitted = fit(
        &chain.lam,
        &sections.resolved(),
        "latent actions",
        config.train.steps,
        |dir, observer| {
            let video: Box<dyn Video> = match config.input {
                LamInput::Pixels => Box::new(footage(chain)?),
                LamInput::Tokens => {
                    let tokenizer = Tokenizer::load(chain.tokenizer.path(), &device)?;
                    Box::new(CodeVideo::open(chain, &tokenizer)?)
                }
            };
            Ok(train_lam(config, video.as_ref(), dir, &device, observer)?)
        },
    )?;
    Ok(fitted.into())
}

fn dynamics(sections: &Sections, chain: &Chain) -> Result<Exit> {
    for (done, command) in [
        (chain.tokens.is_done(), "genie-tokenize encode"),
        (chain.actions.is_done(), "genie-train label"),
    ] {
        if !done {
            bail!(
                "the dynamics model of this config trains on tokens and latent actions that are not there yet: run `{command}`"
            );
        }
    }
    let config = &sections.dynamics.0;
    let device: Device = config.device.parse()?;
    let fitted = fit(
        &chain.dynamics,
        &sections.resolved(),
        "dynamics",
        config.train.steps,
        |dir, observer| {
            // The chain's keys say that tokens and labels were made with these very sections.
            let codes = sections.tokenizer.0.quantizer.size();
            let actions = match config.actions {
                ActionSource::Latent => Labels::Latent(sections.lam.0.quantizer.size()),
                ActionSource::True => Labels::of_sidecars(&sections.data.root)?,
            };
            Ok(train_dynamics(
                config,
                &windows::read(chain, actions)?,
                codes,
                actions.count(),
                dir,
                &device,
                observer,
            )?)
        },
    )?;
    Ok(fitted.into())
}

fn standing(sections: &Sections, chain: Option<&Chain>) -> Result<Vec<StepStatus>> {
    let Some(chain) = chain else {
        return Ok(["lam", "label", "dynamics"]
            .map(|step| StepStatus::waiting(step, "genie-ingest run"))
            .into());
    };
    let sees_pixels = sections.lam.0.input == LamInput::Pixels;
    let mut lam = chain
        .lam
        .status("lam")
        .after(sees_pixels || chain.tokens.is_done(), "genie-tokenize encode");
    if let (State::Missing, Some(newest)) = (lam.state, sections.newest_lam()?) {
        lam.needs = format!("genie-train lam; or [pinned] lam = \"newest\", which keeps {newest}");
    }
    let mut label = chain.actions.status("label").after(chain.lam.is_done(), "genie-train lam");
    if label.state == State::Partial {
        label.needs = format!(
            "labels of {} clips: run genie-train label",
            label::lacking(sections, chain)?.len()
        );
    }
    Ok(vec![
        lam,
        label,
        chain
            .dynamics
            .status("dynamics")
            .after(chain.tokens.is_done(), "genie-tokenize encode")
            .after(chain.actions.is_done(), "genie-train label"),
    ])
}
