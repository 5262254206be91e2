//! `labels`: what people say about clips, as CSV and as numbers.

mod agreement;
mod csv_file;
mod import;

use std::io::Write as _;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Subcommand;
use genie_stage::Exit;

use crate::catalog::NewestLabels;

/// The commands of `labels`.
#[derive(Subcommand)]
pub enum LabelsCommand {
    /// Write the labels as CSV: the newest of each clip and person.
    Export {
        /// Write to this file instead of stdout.
        #[arg(long, value_name = "FILE")]
        out: Option<Utf8PathBuf>,
    },
    /// Add the labels of a CSV file that are new, or newer than what is there.
    Import {
        /// A file with the columns `clip_id` and label; tags, who and at may follow.
        file: Utf8PathBuf,
        /// The person whose labels these are, if the file has no column who.
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
    },
    /// Count labels by person and by tag, and show how often people agree.
    Stats,
}

/// Runs one of the commands for a dataset root.
///
/// # Errors
/// If labels or clips cannot be read or written, or the CSV file has no usable header.
pub fn run(root: &Utf8Path, command: &LabelsCommand) -> Result<Exit> {
    match command {
        LabelsCommand::Export { out } => export(root, out.as_deref()),
        LabelsCommand::Import { file, who } => import::run(root, file, who.as_deref()),
        LabelsCommand::Stats => stats(root),
    }
}

fn export(root: &Utf8Path, out: Option<&Utf8Path>) -> Result<Exit> {
    let labels = NewestLabels::read(root)?;
    let csv = csv_file::write(labels.iter())?;
    let count = labels.iter().count();
    match out {
        Some(path) => {
            genie_store::write(path, csv.as_bytes())
                .with_context(|| format!("cannot write {path}"))?;
            tracing::info!("labels: wrote {count} labels to {path}");
        }
        None => std::io::stdout().write_all(csv.as_bytes())?,
    }
    Ok(Exit::Done)
}

fn stats(root: &Utf8Path) -> Result<Exit> {
    let labels = NewestLabels::read(root)?;
    if labels.iter().next().is_none() {
        tracing::info!(
            "labels: there are none in {}; label clips with `genie-ingest browse`",
            genie_store::shown(root)
        );
    }
    let rows: Vec<_> = labels.iter().collect();
    print!("{}", agreement::page(&rows));
    Ok(Exit::Done)
}
