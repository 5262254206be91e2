//! Writes a trained model's weights to one file for other programs.

use std::fs;

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;
use genie_model::newest_weights;
use genie_stage::Exit;
use genie_stage::step::StepDir;

/// The flags of `export`.
#[derive(clap::Args, Debug)]
pub struct ExportArgs {
    /// The safetensors file to write.
    file: Utf8PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
}

/// Writes the weights of the newest checkpoint of `step`.
///
/// Messages call the model `model`, and name `command` as the command that trains it.
///
/// # Errors
/// When there is no checkpoint, it is damaged, or the file exists or cannot be written.
pub fn export(step: &StepDir, model: &str, command: &str, to: &ExportArgs) -> Result<Exit> {
    let Some((done, weights)) = newest_weights(step.fetched()?)? else {
        bail!("the {model} of this config has no checkpoint yet: run `{command}`");
    };
    if to.file.exists() && !to.overwrite {
        bail!("{} exists: name another file, or replace it with --overwrite", to.file);
    }
    let bytes = fs::read(&weights).with_context(|| format!("cannot read {weights}"))?;
    genie_durable::write(&to.file, bytes)?;
    let unfinished = if step.is_done()? { "" } else { " (its training is not finished)" };
    tracing::info!("{}: the {model} {} after step {done}{unfinished}", to.file, step.key());
    Ok(Exit::Done)
}
