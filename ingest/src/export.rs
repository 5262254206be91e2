//! `export`: kept clips as videos with JSON beside them, for other programs.
//!
//! The form is either one set of files per clip, or tar files as WebDataset reads them. The target
//! is a directory of its own. Every file appears whole or not at all, and an export that was
//! stopped or killed is continued. The metadata of 1024 clips and the frames of one clip per thread
//! are in memory, besides what [`genie_shards::ClipStore`] needs.

mod chosen;
mod clip_video;
mod description;
pub mod encode;
mod files;
mod tar_shard;
mod target;

use std::num::NonZeroUsize;

use anyhow::{Result, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use genie_shards::Split;
use genie_stage::Exit;
use genie_stage::progress::Progress;
use genie_stage::stop::Stop;

use chosen::ChosenClips;
use encode::Coding;
use target::Form;

/// Clips that are prepared at a time if there are no tar files.
const TOGETHER: usize = 64;

/// The flags of `export`.
#[derive(Args)]
pub struct ClipExport {
    /// Write to this directory: a new one, or that of an earlier export.
    #[arg(long, value_name = "DIR")]
    out: Utf8PathBuf,
    /// Export only clips for which this SQL condition holds, over the columns of clips.
    #[arg(long = "where", value_name = "SQL", default_value = "")]
    condition: String,
    /// Export only the clips of this split: train or held_out.
    #[arg(long, value_name = "SPLIT", value_parser = split)]
    split: Option<Split>,
    /// Store the exact pixels (H.264 in RGB, which few players show).
    #[arg(long)]
    lossless: bool,
    /// Write tar files of N clips each, for WebDataset.
    #[arg(long, value_name = "N")]
    tar: Option<NonZeroUsize>,
}

/// Exports the clips of a dataset root.
pub fn run(root: &Utf8Path, args: &ClipExport, stop: &Stop) -> Result<Exit> {
    let coding = if args.lossless { Coding::Lossless } else { Coding::Lossy };
    coding.encoder()?;
    let chosen = ChosenClips::new(root, &args.condition, args.split)?;
    let (count, hash) = chosen.count(stop)?;
    ensure!(
        count > 0,
        "none of {} kept clips in {root} is chosen: change --where or --split, or run \
         `genie-ingest run` first",
        chosen.of()
    );
    let selection = args.tar.map(|_| hash);
    let form = Form { lossless: args.lossless, clips_per_tar: args.tar, selection };
    let _lock = target::open(&args.out, &form)?;

    let progress = Progress::new("export", count);
    let (mut number, mut written) = (0, 0);
    chosen.in_batches(args.tar.map_or(TOGETHER, NonZeroUsize::get), |clips| {
        written += match args.tar {
            Some(_) => tar_shard::write(&args.out, number, clips, coding, (stop, &progress))?,
            None => files::write(&args.out, clips, coding, (stop, &progress))?,
        };
        number += 1;
        Ok(())
    })?;
    progress.finish();
    tracing::info!(
        "export: {count} clips in {}, {written} of them new ({})",
        args.out,
        if args.lossless { "lossless H.264" } else { "H.264" }
    );
    Ok(Exit::Done)
}

fn split(name: &str) -> Result<Split, String> {
    Split::parse(name).ok_or_else(|| "it must be train or held_out".to_owned())
}
