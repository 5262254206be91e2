//! Frames to tokens: `fit` trains the video tokenizer on the training clips, `encode` writes the tokens of every window of every clip.

mod encode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use genie_model::{Device, train_tokenizer};
use genie_shards::Split;
use genie_stage::Exit;
use genie_stage::status::{self, StepStatus};
use genie_training::{Chain, ExportArgs, ModelArgs, export, fit, footage};

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
    if let Command::Export(to) = &cli.command {
        return export(&chain.tokenizer, "tokenizer", "genie-tokenize fit", to);
    }
    let device: Device = sections.tokenizer.0.device.parse()?;
    if let Command::Encode = cli.command {
        return encode::encode(&sections, &chain, device);
    }
    let config = &sections.tokenizer.0;
    let fitted = fit(&chain.tokenizer, &sections.resolved(), "tokenizer", config.train.steps, |dir, watch| {
        let clips = footage(&sections.data.root, Split::Train)?;
        Ok(train_tokenizer(config, &clips, dir, &device, watch)?)
    })?;
    Ok(fitted.into())
}

fn standing(chain: Option<&Chain>) -> Vec<StepStatus> {
    let Some(chain) = chain else {
        return ["fit", "encode"].map(|step| StepStatus::waiting(step, "genie-ingest run")).into();
    };
    vec![
        chain.tokenizer.status("fit"),
        chain.tokens.status("encode").after(chain.tokenizer.is_done(), "genie-tokenize fit"),
    ]
}
