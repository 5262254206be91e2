//! Frames to tokens: `fit` trains the video tokenizer on the training clips, `encode` writes the tokens of every window of every clip.

mod encode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use genie_catalog::Condition;
use genie_model::{Device, train_tokenizer};
use genie_shards::TokenWindow;
use genie_stage::Exit;
use genie_stage::status::{self, State, StepStatus};
use genie_training::{
    Chain, ExportArgs, GcArgs, ModelArgs, Sections, VerifyArgs, export, fit, footage, gc, verify,
};

/// Trains the video tokenizer and turns clips into tokens.
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
    /// Train the tokenizer, or go on from its last checkpoint
    Fit,
    /// Write token shards of all clips that lack them
    Encode,
    /// Write the tokenizer's weights, as of its newest checkpoint, to a file for other programs
    Export(ExportArgs),
    /// Read all tokens again and compare them with what was noted when they were written
    Verify(VerifyArgs),
    /// Drop the tokens of old tokenizers, and what killed runs left
    Gc(GcArgs),
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
    let sections = cli
        .args
        .sections()?
        .judging(|expression, clips| Ok(Condition::parse(expression)?.holds(clips)?))?;
    match cli.command {
        Command::Fit => fit_tokenizer(&sections),
        Command::Encode => {
            let chain = Chain::existing(&sections)?;
            encode::encode(&sections, &chain, sections.tokenizer.0.device.parse()?)
        }
        Command::Export(to) => {
            export(&Chain::existing(&sections)?.tokenizer, "tokenizer", "genie-tokenize fit", &to)
        }
        Command::Verify(args) => verify::<TokenWindow>(&sections.data.root, &args),
        Command::Gc(args) => gc::<TokenWindow>(&sections.data.root, &current(&sections)?, &args),
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

fn fit_tokenizer(sections: &Sections) -> Result<Exit> {
    let chain = Chain::to_train(sections)?;
    let config = &sections.tokenizer.0;
    let device: Device = config.device.parse()?;
    let fitted = fit(
        &chain.tokenizer,
        &sections.resolved(),
        "tokenizer",
        config.train.steps,
        |dir, observer| {
            let clips = footage(&chain)?;
            Ok(train_tokenizer(config, &clips, dir, &device, observer)?)
        },
    )?;
    Ok(fitted.into())
}

/// Keys of the tokenizers whose tokens are of use under this config: the chain's, and the one that would be pinned as the newest.
fn current(sections: &Sections) -> Result<Vec<String>> {
    let chain = Chain::of(sections)?.map(|chain| chain.tokenizer.key().clone());
    Ok(chain.into_iter().chain(sections.newest_tokenizer()?).map(|key| key.to_string()).collect())
}

fn standing(sections: &Sections, chain: Option<&Chain>) -> Result<Vec<StepStatus>> {
    let Some(chain) = chain else {
        return Ok(["fit", "encode"]
            .map(|step| StepStatus::waiting(step, "genie-ingest run"))
            .into());
    };
    let mut fit = chain.tokenizer.status("fit");
    if let (State::Missing, Some(newest)) = (fit.state, sections.newest_tokenizer()?) {
        fit.needs =
            format!("genie-tokenize fit; or [pinned] tokenizer = \"newest\", which keeps {newest}");
    }
    let mut encode =
        chain.tokens.status("encode").after(chain.tokenizer.is_done(), "genie-tokenize fit");
    if encode.state == State::Partial {
        let clips = encode::lacking(sections, chain, sections.tokenizer.0.frames)?.len();
        encode.needs = format!("tokens of {clips} clips: run genie-tokenize encode");
    }
    Ok(vec![fit, encode])
}
