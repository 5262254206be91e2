//! The stage that turns frames into tokens.
//!
//! `fit` trains the video tokenizer on the training clips. `encode` writes the tokens of every
//! window of every clip.

mod encode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use genie_catalog::Condition;
use genie_cluster::{DriverArgs, ExecutorArgs};
use genie_model::{LamRegion, Video as _, train_tokenizer};
use genie_shards::TokenWindow;
use genie_stage::Exit;
use genie_stage::share::ShareArgs;
use genie_stage::status::{StepState, StepStatus};
use genie_stage::stop::Stop;
use genie_training::{
    Chain, ExportArgs, GcArgs, Inspect, ModelArgs, ModelSections, TrainingClips, VerifyArgs,
    export, fit, gc, mark_usage_errors, on_cluster, open_device, serve_shares, verify,
};

/// Train the video tokenizer, and turn clips into tokens.
#[derive(Parser, Debug)]
#[command(name = "genie-tokenize", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    args: ModelArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Train the tokenizer, or resume from its last checkpoint.
    Fit,
    /// Write token shards of all clips that lack tokens.
    Encode {
        #[command(flatten)]
        share: ShareArgs,
        #[command(flatten)]
        cluster: DriverArgs,
    },
    /// Encode clips for a driver on another machine: for `encode --cluster`.
    ///
    /// The driver sends the config. Of this machine's config, only its cache of data counts.
    Executor(ExecutorArgs),
    /// Write the weights of the tokenizer's newest checkpoint to a file for other programs.
    Export(ExportArgs),
    /// Read all tokens and compare them with their recorded hashes.
    Verify(VerifyArgs),
    /// Delete the tokens of old tokenizers, and files that killed runs left.
    Gc(GcArgs),
    #[command(flatten)]
    Inspect(Inspect),
}

/// Runs the binary `genie-tokenize`. The exit code follows from the error (`genie_stage::exit`).
pub fn run() -> Result<Exit> {
    mark_usage_errors(run_command())
}

fn run_command() -> Result<Exit> {
    let cli: Cli = genie_stage::cli::parse();
    let sections = with_filter(cli.args.sections()?)?;
    match cli.command {
        Command::Fit => fit_tokenizer(&sections),
        Command::Encode { share, cluster } => {
            let share = share.share()?;
            let cluster = cluster.over(cli.args.config()?.section()?, share.is_some());
            let (chain, stop) = (Chain::existing(&sections)?, Stop::install());
            let device = open_device("tokenizer", &sections.tokenizer.0.device)?;
            on_cluster::<TokenWindow>(
                (&cluster, "genie-tokenize"),
                &sections,
                (&chain.tokens, &chain.tokenizer),
                || encode::pending(&sections, &chain, sections.tokenizer.0.frames),
                &stop,
                || encode::encode(&sections, &chain, (device, &stop), share),
            )
        }
        Command::Executor(args) => {
            let encode = |sections: ModelSections, share, stop: &Stop| {
                let sections = with_filter(sections)?;
                let device = open_device("tokenizer", &sections.tokenizer.0.device)?;
                let chain = Chain::existing(&sections)?;
                encode::encode(&sections, &chain, (device, stop), Some(share))
            };
            let own = (&sections.data, cli.args.device());
            serve_shares((&args, "genie-tokenize"), own, encode, &Stop::install())
        }
        Command::Export(to) => {
            export(&Chain::existing(&sections)?.tokenizer, "tokenizer", "genie-tokenize fit", &to)
        }
        Command::Verify(args) => verify::<TokenWindow>(&sections.data.root, &args),
        Command::Gc(args) => gc::<TokenWindow>(&sections.data.root, &current(&sections)?, &args),
        Command::Inspect(inspect) => {
            inspect.run(&sections.resolved(), &sections.devices(), || status(&sections))
        }
    }
}

/// Lets SQL evaluate `[data] where`.
fn with_filter(sections: ModelSections) -> Result<ModelSections> {
    sections.with_filter(|expression, clips| Ok(Condition::parse(expression)?.holds(clips)?))
}

fn fit_tokenizer(sections: &ModelSections) -> Result<Exit> {
    let chain = Chain::to_train(sections)?;
    let config = &sections.tokenizer.0;
    let device = open_device("tokenizer", &config.device)?;
    let fitted = fit(
        &chain.tokenizer,
        &sections.resolved(),
        "tokenizer",
        config.train.steps,
        |dir, observer| {
            let clips = TrainingClips::open(&chain)?;
            // The latent action model is trained on the same clips. Hours later is too late to say
            // that it cannot see them. The size of a region is not known before it is searched.
            if sections.lam.0.region == LamRegion::Frame {
                sections.lam.0.check_frames(clips.size())?;
            }
            Ok(train_tokenizer(config, &clips, dir, &device, observer)?)
        },
    )?;
    Ok(fitted.into())
}

/// Keys of the tokenizers whose tokens this config can use.
///
/// These are the tokenizer of the chain and the one that `newest` resolves to.
fn current(sections: &ModelSections) -> Result<Vec<String>> {
    let chain = Chain::of(sections)?.map(|chain| chain.tokenizer.key().clone());
    Ok(chain.into_iter().chain(sections.newest_tokenizer()?).map(|key| key.to_string()).collect())
}

fn status(sections: &ModelSections) -> Result<Vec<StepStatus>> {
    let Some(chain) = Chain::of(sections)? else {
        return Ok(["fit", "encode"]
            .map(|step| StepStatus::waiting(step, "genie-ingest run"))
            .into());
    };
    let mut fit = chain.tokenizer.status("fit")?;
    if let (StepState::Missing, Some(newest)) = (fit.state, sections.newest_tokenizer()?) {
        fit.needs =
            format!("genie-tokenize fit; or [pinned] tokenizer = \"newest\", which uses {newest}");
    }
    let mut encode =
        chain.tokens.status("encode")?.after(fit.state == StepState::Done, "genie-tokenize fit");
    if encode.state == StepState::Partial {
        let clips = encode::pending(sections, &chain, sections.tokenizer.0.frames)?.len();
        encode.needs = match clips {
            0 => "the end of the step: run genie-tokenize encode".to_owned(),
            _ => format!("tokens of {clips} clips: run genie-tokenize encode"),
        };
    }
    Ok(vec![fit, encode])
}
