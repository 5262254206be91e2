//! `dry-run`: prints the parameters, memory, operations and days of training, and trains nothing.
//!
//! It covers the tokenizer (which `genie-tokenize fit` trains), the latent action model and the
//! dynamics model.

#![allow(clippy::cast_precision_loss, reason = "the numbers are shown with three digits")]

use std::io::{self, Write};
use std::str::FromStr;

use anyhow::{Result, ensure};
use genie_model::{
    Estimate, FrameSize, LamInput, RGB, estimate_dynamics, estimate_lam, estimate_tokenizer,
};
use genie_stage::Exit;
use genie_stage::exit::Usage;
use genie_training::ModelSections;
use serde_json::json;

/// The flags of `dry-run`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Size of the clips' frames in pixels, as in `[ingest]`.
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    size: Pixels,
    /// Peak speed of the hardware in TFLOP/s; 989 is an H100's in bf16.
    #[arg(long, value_name = "TFLOP/S", default_value_t = 989.0)]
    tflops: f64,
    /// Fraction of the peak speed that is used (model FLOPs utilisation).
    #[arg(long, value_name = "SHARE", default_value_t = 0.4)]
    mfu: f64,
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
    let out = &mut io::stdout().lock();
    let models = models(sections, args.size)?;
    if args.json {
        for (name, model) in models {
            let days = model.seconds(args.tflops * 1e12, args.mfu) / DAY;
            let line = json!({
                "model": name,
                "parameters": model.parameters,
                "model_bytes": model.model_bytes,
                "activation_bytes": model.activation_bytes,
                "rows_per_step": model.rows,
                "flops_per_step": model.flops_per_step,
                "steps": model.steps,
                "flops": model.flops(),
                "days": days,
            });
            writeln!(out, "{line}")?;
        }
        return Ok(Exit::Done);
    }
    let Pixels { width, height } = args.size;
    writeln!(
        out,
        "Training at {width}×{height} pixels, on hardware with {} TFLOP/s of which {} % are used. \
         Nothing is trained.\n",
        args.tflops,
        args.mfu * 100.0
    )?;
    table(out, &models, args)?;
    Ok(Exit::Done)
}

const DAY: f64 = 24.0 * 3600.0;

fn models(
    sections: &ModelSections,
    Pixels { width, height }: Pixels,
) -> Result<[(&'static str, Estimate); 3]> {
    let (tokenizer, lam) = (&sections.tokenizer.0, &sections.lam.0);
    let size = (height, width);
    let pixels = FrameSize { height, width, patch: tokenizer.patch, channels: RGB };
    let tokens = pixels.positions();
    let (seen, channels) = match lam.input {
        LamInput::Pixels => (size, RGB),
        LamInput::Tokens => (pixels.patches(), tokenizer.quantizer.width()),
    };
    let (codes, actions) = (tokenizer.quantizer.size(), lam.num_actions());
    Ok([
        ("tokenizer", estimate_tokenizer(tokenizer, size)?),
        ("lam", estimate_lam(lam, seen, channels)?),
        (
            "dynamics",
            estimate_dynamics(&sections.dynamics.0, (tokenizer.frames, tokens), codes, actions)?,
        ),
    ])
}

/// Prints a table with one row per quantity and one column per model.
fn table(out: &mut impl Write, models: &[(&'static str, Estimate); 3], args: &Args) -> Result<()> {
    let names = models.each_ref().map(|(name, _)| format!("{name:>14}")).concat();
    writeln!(out, "{:<36}{names}", "")?;
    let mut row = |name: &str, value: &dyn Fn(&Estimate) -> String| {
        let values = models.each_ref().map(|(_, model)| format!("{:>14}", value(model))).concat();
        writeln!(out, "{name:<36}{values}")
    };
    row("parameters", &|model| count(model.parameters as f64))?;
    row("weights, gradients, moments (f32)", &|model| bytes(model.model_bytes))?;
    row("activations, micro-batch (f32)", &|model| bytes(model.activation_bytes))?;
    row("together", &|model| bytes(model.bytes()))?;
    row("tokens per step", &|model| count(model.rows as f64))?;
    row("FLOPs per step", &|model| format!("{:.2e}", model.flops_per_step))?;
    row("steps", &|model| count(model.steps as f64))?;
    row("FLOPs", &|model| format!("{:.2e}", model.flops()))?;
    row("time on one such device", &|model| time(model.seconds(args.tflops * 1e12, args.mfu)))?;
    Ok(())
}

fn count(value: f64) -> String {
    match value {
        1e9.. => format!("{:.2} G", value / 1e9),
        1e6.. => format!("{:.1} M", value / 1e6),
        1e4.. => format!("{:.0} k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

fn bytes(value: u64) -> String {
    let value = value as f64;
    if value >= 1e9 { format!("{:.1} GB", value / 1e9) } else { format!("{:.1} MB", value / 1e6) }
}

fn time(seconds: f64) -> String {
    match seconds {
        DAY.. => format!("{:.1} days", seconds / DAY),
        3600.0.. => format!("{:.1} hours", seconds / 3600.0),
        60.0.. => format!("{:.1} minutes", seconds / 60.0),
        _ => format!("{seconds:.1} s"),
    }
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

    /// Catches: units are wrong by a factor of a thousand or of sixty.
    #[test]
    fn quantities_are_shown_in_units_that_fit() {
        assert_eq!(
            [count(8.0), count(12_000.0), count(41.3e6), count(10.1e9)],
            ["8", "12 k", "41.3 M", "10.10 G"]
        );
        assert_eq!([bytes(640_000), bytes(80_000_000_000)], ["0.6 MB", "80.0 GB"]);
        assert_eq!(
            [time(59.0), time(90.0), time(5400.0), time(129_600.0)],
            ["59.0 s", "1.5 minutes", "1.5 hours", "1.5 days"]
        );
    }
}
