//! The stage that trains the latent action model, the dynamics model and the quality network.
//!
//! `lam` learns latent actions from pixels (or tokens). `label` writes them for every window.
//! `dynamics` learns from token shards and labels only. `quality` learns which clips people call
//! good. The stage does not need `FFmpeg`.

mod action_set;
mod dry_run;
mod label;
mod quality;
mod windows;

use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use genie_catalog::Condition;
use genie_cluster::{DriverArgs, ExecutorArgs};
use genie_model::{ActionSource, LamInput, Tokenizer, Video, train_dynamics, train_lam};
use genie_shards::ActionWindow;
use genie_stage::Exit;
use genie_stage::config::Section as _;
use genie_stage::share::ShareArgs;
use genie_stage::status::{StepState, StepStatus};
use genie_stage::stop::Stop;
use genie_training::{
    Chain, ExportArgs, GcArgs, Inspect, ModelArgs, ModelSections, QualitySection, TokenVideo,
    TrainingClips, VerifyArgs, export, fit, gc, mark_usage_errors, on_cluster, open_device,
    serve_shares, verify,
};

use action_set::ActionSet;
use quality::QualityCommand;
use windows::LabelledTokens;

/// Train the latent action model, the dynamics model and the quality network.
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
    /// Train the latent action model, or resume from its last checkpoint.
    Lam,
    /// Write the latent actions of all clips that lack them.
    Label {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        cluster: DriverArgs,
    },
    /// Label clips for a driver on another machine: for `label --cluster`.
    ///
    /// The driver sends the config. Of this machine's config, only its cache of data counts.
    Executor(ExecutorArgs),
    /// Train the dynamics model on tokens and latent actions, or resume from its last checkpoint.
    Dynamics,
    /// Train a network on labels of people, and score all clips with it.
    #[command(subcommand)]
    Quality(QualityCommand),
    /// Read all latent actions and compare them with their recorded hashes.
    Verify(VerifyArgs),
    /// Delete the labels of old latent action models, and files that killed runs left.
    Gc(GcArgs),
    /// Print what training all three models would cost, and train nothing.
    DryRun(dry_run::Args),
    /// Write the weights of a model's newest checkpoint to a file for other programs.
    #[command(subcommand)]
    Export(Exported),
    #[command(flatten)]
    Inspect(Inspect),
}

#[derive(Subcommand, Debug)]
enum Exported {
    /// The latent action model.
    Lam(ExportArgs),
    /// The dynamics model.
    Dynamics(ExportArgs),
}

/// Runs the binary `genie-train`. The exit code follows from the error (`genie_stage::exit`).
pub fn run() -> Result<Exit> {
    mark_usage_errors(run_command())
}

fn run_command() -> Result<Exit> {
    let cli: Cli = genie_stage::cli::parse();
    let config = cli.args.config()?;
    let sections = with_filter(cli.args.sections_of(&config)?)?;
    let mut quality: QualitySection = config.section()?;
    if let Some(device) = cli.args.device() {
        device.clone_into(&mut quality.0.device);
    }
    match cli.command {
        Command::Lam => lam(&sections, &Chain::to_train(&sections)?),
        Command::Label { share, cluster } => {
            let share = share.share()?;
            let cluster = cluster.over(cli.args.config()?.section()?, share.is_some());
            let device = open_device("lam", &sections.lam.0.device)?;
            let (chain, stop) = (Chain::existing(&sections)?, Stop::install());
            on_cluster::<ActionWindow>(
                (&cluster, "genie-train"),
                &sections,
                (&chain.actions, &chain.lam),
                || label::pending(&sections, &chain),
                &stop,
                || label::label(&sections, &chain, (device, &stop), share),
            )
        }
        Command::Executor(args) => {
            let label = |sections: ModelSections, share, stop: &Stop| {
                let sections = with_filter(sections)?;
                let device = open_device("lam", &sections.lam.0.device)?;
                label::label(&sections, &Chain::existing(&sections)?, (device, stop), Some(share))
            };
            let own = (&sections.data, cli.args.device());
            serve_shares((&args, "genie-train"), own, label, &Stop::install())
        }
        Command::Dynamics => dynamics(&sections, &Chain::to_train(&sections)?),
        Command::Quality(command) => quality::run(&sections, &quality, &command),
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
        Command::Inspect(inspect) => {
            let resolved = sections.resolved().with(&quality);
            let mut devices = sections.devices().to_vec();
            devices.push((QualitySection::NAME, &quality.0.device));
            inspect.run(&resolved, &devices, || status(&sections))
        }
    }
}

/// Lets SQL evaluate `[data] where`.
fn with_filter(sections: ModelSections) -> Result<ModelSections> {
    sections.with_filter(|expression, clips| Ok(Condition::parse(expression)?.holds(clips)?))
}

/// Keys of the latent action models whose labels this config can use.
///
/// These are the model of the chain and the one that `newest` resolves to.
fn current(sections: &ModelSections) -> Result<Vec<String>> {
    let chain = Chain::of(sections)?.map(|chain| chain.lam.key().clone());
    Ok(chain.into_iter().chain(sections.newest_lam()?).map(|key| key.to_string()).collect())
}

fn lam(sections: &ModelSections, chain: &Chain) -> Result<Exit> {
    let config = &sections.lam.0;
    let device = open_device("lam", &config.device)?;
    if config.input == LamInput::Tokens && !chain.tokens.is_done()? {
        bail!(
            "[lam] input = \"tokens\", but the tokens of this config do not exist yet: \
             run `genie-tokenize encode`"
        );
    }
    let fitted = fit(
        &chain.lam,
        &sections.resolved(),
        "latent actions",
        config.train.steps,
        |dir, observer| {
            let video: Box<dyn Video> = match config.input {
                LamInput::Pixels => Box::new(TrainingClips::open(chain)?),
                LamInput::Tokens => {
                    let tokenizer = Tokenizer::load(chain.tokenizer.fetched()?, &device)?;
                    Box::new(TokenVideo::open(chain, &tokenizer)?)
                }
            };
            Ok(train_lam(config, video.as_ref(), dir, &device, observer)?)
        },
    )?;
    Ok(fitted.into())
}

fn dynamics(sections: &ModelSections, chain: &Chain) -> Result<Exit> {
    for (done, command) in [
        (chain.tokens.is_done()?, "genie-tokenize encode"),
        (chain.actions.is_done()?, "genie-train label"),
    ] {
        if !done {
            bail!(
                "the dynamics model of this config trains on tokens and latent actions that do not \
                 exist yet: run `{command}`"
            );
        }
    }
    let config = &sections.dynamics.0;
    let device = open_device("dynamics", &config.device)?;
    let fitted = fit(
        &chain.dynamics,
        &sections.resolved(),
        "dynamics",
        config.train.steps,
        |dir, observer| {
            // The keys of the chain ensure that tokens and labels were made with these sections.
            let codes = sections.tokenizer.0.quantizer.size();
            let actions = match config.actions {
                ActionSource::Latent => ActionSet::Latent(sections.lam.0.num_actions()),
                ActionSource::True => ActionSet::of_sidecars(chain.root(), chain.manifest())?,
            };
            Ok(train_dynamics(
                config,
                Arc::new(LabelledTokens::open(chain, actions)?),
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

fn status(sections: &ModelSections) -> Result<Vec<StepStatus>> {
    let quality = quality::status(sections)?;
    let Some(chain) = Chain::of(sections)? else {
        return Ok(["lam", "label", "dynamics"]
            .map(|step| StepStatus::waiting(step, "genie-ingest run"))
            .into());
    };
    let sees_pixels = sections.lam.0.input == LamInput::Pixels;
    let has_tokens = chain.tokens.is_done()?;
    let lam = chain.lam.status("lam")?;
    let has_lam = lam.state == StepState::Done;
    let mut lam = lam.after(sees_pixels || has_tokens, "genie-tokenize encode");
    if let (StepState::Missing, Some(newest)) = (lam.state, sections.newest_lam()?) {
        lam.needs = format!("genie-train lam; or [pinned] lam = \"newest\", which uses {newest}");
    }
    let mut label = chain.actions.status("label")?.after(has_lam, "genie-train lam");
    if label.state == StepState::Partial {
        label.needs = match label::pending(sections, &chain)?.len() {
            0 => "the end of the step: run genie-train label".to_owned(),
            clips => format!("labels of {clips} clips: run genie-train label"),
        };
    }
    let steps = [
        lam,
        label,
        chain
            .dynamics
            .status("dynamics")?
            .after(has_tokens, "genie-tokenize encode")
            .after(chain.actions.is_done()?, "genie-train label"),
    ];
    Ok(steps.into_iter().chain(quality).collect())
}
