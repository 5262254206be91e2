//! `quality`: learns from labels of people which clips are good, and scores every clip.
//!
//! It is a command of `genie-train`, because `genie-ingest` contains no models. Ingest reads the
//! scores, for `ingest.keep` and for SQL.
//!
//! | module | contents |
//! |---|---|
//! | `labels` | the majority label of each clip |
//! | `held_out` | which sources are held out |
//! | `inputs` | what the network sees of clips, read from their shards |
//! | `examples` | what networks learned from, also of clips that were dropped since |
//! | `fit` | training the network as a step |
//! | `measure`, `page` | how well it tells held-out clips apart, and the page that says so |
//! | `models` | the trained networks of a dataset root |
//! | `score`, `publisher` | scores of clips that have none |

mod examples;
mod fit;
mod held_out;
mod inputs;
mod labels;
mod measure;
mod models;
mod page;
mod publisher;
mod score;

use anyhow::Result;
use clap::Subcommand;
use genie_stage::Exit;
use genie_stage::status::{StepState, StepStatus};
use genie_training::{ModelSections, QualitySection};

/// The commands of `quality`.
#[derive(Subcommand, Debug)]
pub enum QualityCommand {
    /// Train a network on the labels, and print how well it tells held-out clips apart.
    Fit {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Score the clips that have no score yet, and print the network's key for `ingest.quality`.
    Score {
        /// Key of the network; without it, the one that was trained last.
        #[arg(long, value_name = "KEY")]
        model: Option<String>,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// When labels or clips cannot be read, there are too few labels, or there is no network.
pub fn run(
    sections: &ModelSections,
    quality: &QualitySection,
    command: &QualityCommand,
) -> Result<Exit> {
    match command {
        QualityCommand::Fit { json } => fit::run(sections, quality, *json),
        QualityCommand::Score { model } => score::run(sections, quality, model.as_deref()),
    }
}

/// The state of the scores of the newest network, if there is one.
///
/// # Errors
/// When the networks or the catalog cannot be read.
pub fn status(sections: &ModelSections) -> Result<Option<StepStatus>> {
    let root = &sections.data.root;
    let Some(key) = models::newest(root)? else { return Ok(None) };
    let pending = score::pending(sections, &key)?;
    Ok(Some(StepStatus {
        step: "quality score".to_owned(),
        dir: genie_store::shown(&models::score_dir(root, &key)),
        key,
        state: if pending == 0 { StepState::Done } else { StepState::Partial },
        needs: match pending {
            0 => String::new(),
            clips => format!("scores of {clips} clips: run genie-train quality score"),
        },
    }))
}
