//! Frames to tokens: `fit` trains the video tokenizer on the training clips, `encode` writes the tokens of every window of every clip.

mod encode;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use genie_model::{Device, train_tokenizer};
use genie_shards::Split;
use genie_stage::Exit;
use genie_stage::config::{ConfigArgs, load};
use genie_stage::log::Verbosity;
use genie_stage::status::{self, State, StepStatus};
use genie_training::{Chain, Sections, fit, footage};

/// Trains the video tokenizer and turns clips into tokens.
#[derive(Parser, Debug)]
#[command(name = "genie-tokenize", version)]
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
    /// Train the tokenizer, or go on from its last checkpoint
    Fit,
    /// Write token shards of all clips that lack them
    Encode,
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
    let device: Device = sections.tokenizer.0.device.parse()?;
    if let Command::Encode = cli.command {
        return encode::encode(&sections, &chain, device);
    }
    let config = &sections.tokenizer.0;
    let fitted = fit(&chain.tokenizer, &sections.resolved(), "tokenizer", config.train.steps, |dir, watch| {
        let clips = footage(&sections.data.root, Split::Train)
            .map_err(|error| genie_model::ModelError::Source(error.into()))?;
        train_tokenizer(config, &clips, dir, &device, watch)
    })?;
    Ok(fitted.into())
}

fn standing(chain: Option<&Chain>) -> Vec<StepStatus> {
    let waiting = |step: &str, needs: &str| StepStatus {
        step: step.into(),
        key: String::new(),
        dir: String::new(),
        state: State::Waiting,
        needs: needs.into(),
    };
    let Some(chain) = chain else {
        return vec![waiting("fit", "genie-ingest run"), waiting("encode", "genie-ingest run")];
    };
    let mut encode = chain.tokens.status("encode");
    if !chain.tokenizer.is_done() {
        encode.state = State::Waiting;
        encode.needs = "genie-tokenize fit".into();
    }
    vec![chain.tokenizer.status("fit"), encode]
}
