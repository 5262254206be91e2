//! `dry-run`: prints the parameters, memory, operations and days of training, and trains nothing.
//!
//! It covers the tokenizer (which `genie-tokenize fit` trains), the latent action model and the
//! dynamics model. Each is shown without and with `train.recompute`, and on several devices with
//! `train.shard_weights`, whatever the config says.

#![allow(clippy::cast_precision_loss, reason = "the numbers are shown with three digits")]

mod cost;
mod table;

use std::io::{self, Write};
use std::str::FromStr;

use anyhow::{Result, ensure};
use cost::{Hardware, models};
use genie_stage::Exit;
use genie_stage::exit::Usage;
use genie_training::ModelSections;

/// The flags of `dry-run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Size of the clips' frames in pixels, as in `[ingest]`.
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    size: Pixels,
    /// Peak speed of a device in TFLOP/s; 989 is an H100's in bf16.
    #[arg(long, value_name = "TFLOP/S", default_value_t = 989.0)]
    tflops: f64,
    /// Fraction of the peak speed that is used (model FLOPs utilisation).
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    mfu: f64,
    /// Number of devices that share the micro-batches of a training step.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    devices: u64,
    /// Print JSON: one object for each model, each on a line.
    #[arg(long)]
    json: bool,
}

/// Width and height, written `160x90`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pixels {
    width: usize,
    height: usize,
}

impl FromStr for Pixels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (width, height) = text.split_once('x').ok_or("write it as 160x90")?;
        let side = |text: &str| match text.parse() {
            Ok(0) | Err(_) => Err("write it as 160x90".to_owned()),
            Ok(side) => Ok(side),
        };
        Ok(Self { width: side(width)?, height: side(height)? })
    }
}

/// Prints the estimates.
///
/// # Errors
/// When no model can be built from the config, or stdout is closed.
pub fn dry_run(sections: &ModelSections, args: &Args) -> Result<Exit> {
    let possible =
        args.mfu > 0.0 && args.mfu <= 1.0 && args.tflops > 0.0 && args.tflops.is_finite();
    ensure!(possible, Usage("--mfu must be above 0 and at most 1, and --tflops above 0".into()));
    ensure!(args.devices > 0, Usage("--devices must be at least 1".into()));
    let out = &mut io::stdout().lock();
    let Pixels { width, height } = args.size;
    let models = models(sections, (height, width))?;
    let hardware = Hardware { devices: args.devices, speed: args.tflops * 1e12 * args.mfu };
    if args.json {
        for model in models {
            writeln!(out, "{}", model.to_json(&hardware))?;
        }
        return Ok(Exit::Done);
    }
    let devices = match args.devices {
        1 => "hardware with".to_owned(),
        several => format!("{several} devices, each with"),
    };
    writeln!(
        out,
        "Training at {width}×{height} pixels, on {devices} {} TFLOP/s of which {} % are used. \
         Nothing is trained.\n",
        args.tflops,
        args.mfu * 100.0
    )?;
    table::print(out, &models, &hardware)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: width and height are exchanged; a wrong size is accepted.
    #[test]
    fn a_size_is_width_times_height() {
        assert_eq!("160x90".parse(), Ok(Pixels { width: 160, height: 90 }));
        for wrong in ["160", "160x", "x90", "0x90", "160×90", "-1x90"] {
            assert!(wrong.parse::<Pixels>().is_err(), "{wrong}");
        }
    }
}
