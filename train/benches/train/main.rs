//! `make bench-train`: compares the speed and memory of training and encoding with PyTorch's.
//!
//! The benchmark measures a training step of each model of a config: its time, the share of its
//! phases, and its memory, without and with recompute. It also measures how fast frames are
//! encoded. It measures the same in PyTorch, eager and compiled, without recompute.
//!
//! - The data are random, because the cost of a step does not depend on them.
//! - This crate and PyTorch run alternately, in three rounds, each in its own process. The report
//!   has the medians.
//! - PyTorch's data are in memory before its clock starts. This crate draws and
//!   reads its data while the steps run, as in training.
//! - Memory is the peak: on a GPU the memory that the allocator holds, else the resident set of the
//!   process. The estimate of `--dry-run` is beside it.
//!
//! stdout is the report, in Markdown; stderr is progress. Without PyTorch (in the Python that
//! `GENIE_PYTHON` names, else in `python3`) its columns are empty.

#![allow(clippy::cast_precision_loss, reason = "all counts here are far below 2^52")]

mod data;
mod measurements;
mod ours;
mod peer;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use clap::{Parser, ValueEnum};
use genie_model::{
    Device, DynamicsConfig, FrameSize, LamConfig, RGB, TokenizerConfig, TrainConfig, Video as _,
    estimate_dynamics, estimate_lam, estimate_tokenizer,
};
use genie_stage::config::{ConfigArgs, load};
use genie_training::{ModelSections, pixels_at_once};

use data::Noise;
use measurements::Measurements;
use peer::{Peer, PeerTask, Variant};

// The same allocator as in the binaries. Without it, a step takes a quarter longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Compare training steps and encoding with PyTorch's.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    /// Size of frames in pixels.
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "32x32")]
    size: String,
    /// Device: cpu or cuda[:n,…]; PyTorch uses the first GPU.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Measured training steps, or encoded batches, per round.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Models and operations to measure.
    #[arg(long, value_delimiter = ',', default_value = "tokenizer,lam,dynamics,encode")]
    what: Vec<Kind>,
    /// Measure only this, in this process, and print the numbers as JSON.
    #[arg(long, hide = true)]
    only: Option<Kind>,
    /// Ignored; cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A model or an operation to measure.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A training step of the tokenizer.
    Tokenizer,
    /// A training step of the latent action model.
    Lam,
    /// A training step of the dynamics model.
    Dynamics,
    /// Encoding a batch of windows to tokens.
    Encode,
}

impl Kind {
    /// The name on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Warm-up steps, which are not measured.
const WARM: usize = 5;
/// Steps per measurement; the loop reads the loss, and so waits for the device, only at its end.
const RUN: usize = 5;
/// Number of rounds.
const ROUNDS: usize = 3;

/// The models of a config, and the data and device of this benchmark.
struct Plan {
    tokenizer: TokenizerConfig,
    lam: LamConfig,
    dynamics: DynamicsConfig,
    video: Noise,
    device: Device,
    /// Measured steps per round.
    steps: usize,
}

impl Plan {
    fn of(cli: &Cli) -> Result<Self> {
        let sections = ModelSections::read(&load(&cli.config)?)?;
        let (width, height) = cli.size.split_once('x').context("write --size as in 32x32")?;
        ensure!(
            cli.steps > 0 && cli.steps.is_multiple_of(RUN),
            "--steps must be a positive multiple of {RUN}"
        );
        let mut plan = Self {
            tokenizer: sections.tokenizer.0,
            lam: sections.lam.0,
            dynamics: sections.dynamics.0,
            video: Noise { height: height.parse()?, width: width.parse()?, frames: 64, clips: 32 },
            device: cli.device.parse()?,
            steps: cli.steps,
        };
        for train in [&mut plan.tokenizer.train, &mut plan.lam.train, &mut plan.dynamics.train] {
            // Only the last step is saved.
            let steps = WARM + cli.steps;
            *train = TrainConfig {
                steps,
                log_every: RUN,
                checkpoint_every: usize::MAX,
                ..train.clone()
            };
        }
        Ok(plan)
    }

    /// Windows per batch of `genie-tokenize encode`.
    fn encode_batch(&self) -> usize {
        (pixels_at_once(self.device)
            / (self.tokenizer.frames * self.video.height * self.video.width))
            .max(1)
    }

    /// Estimated bytes of memory of a training step; NaN for encoding.
    fn estimate(&self, kind: Kind, recompute: bool) -> Result<f64> {
        let with = |train: &TrainConfig| TrainConfig { recompute, ..train.clone() };
        let size = self.video.size();
        let estimate = match kind {
            Kind::Tokenizer => {
                let train = with(&self.tokenizer.train);
                estimate_tokenizer(&TokenizerConfig { train, ..self.tokenizer.clone() }, size)?
            }
            Kind::Lam => {
                let train = with(&self.lam.train);
                estimate_lam(&LamConfig { train, ..self.lam.clone() }, size, RGB)?
            }
            Kind::Dynamics => {
                let config =
                    DynamicsConfig { train: with(&self.dynamics.train), ..self.dynamics.clone() };
                let (frames, patch) = (self.tokenizer.frames, self.tokenizer.patch);
                let pixels = FrameSize { height: size.0, width: size.1, patch, channels: RGB };
                let (codes, actions) = (self.tokenizer.quantizer.size(), self.lam.num_actions());
                estimate_dynamics(&config, (frames, pixels.positions()), codes, actions)?
            }
            Kind::Encode => return Ok(f64::NAN),
        };
        Ok(estimate.bytes() as f64)
    }

    fn task(&self, kind: Kind) -> PeerTask {
        let size = self.video.size();
        match kind {
            Kind::Tokenizer => PeerTask::tokenizer(&self.tokenizer, size),
            Kind::Lam => PeerTask::lam(&self.lam, size),
            Kind::Dynamics => {
                PeerTask::dynamics(&self.dynamics, &self.tokenizer, self.lam.num_actions(), size)
            }
            Kind::Encode => PeerTask::encode(&self.tokenizer, size, self.encode_batch()),
        }
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let plan = Plan::of(&cli)?;
    if let Some(kind) = cli.only {
        return ours::measure_here(kind, &plan);
    }
    let peer = Peer::find(plan.device)?;
    let name = cli.config.config.as_deref().and_then(Utf8Path::file_stem).unwrap_or("defaults");
    println!(
        "| {name} at {}, {} | per step | data, forward, backward, optimizer | tokens/s | TFLOP/s \
         | MFU | memory | estimate | PyTorch eager | compiled |",
        cli.size, plan.device
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for &kind in &cli.what {
        let [mut ours, mut again, mut eager, mut compiled] =
            std::array::from_fn(|_| Measurements::default());
        for round in 0..ROUNDS {
            eprintln!("{}: round {} of {ROUNDS}", kind.name(), round + 1);
            ours.add("ours", ours::measure(kind, false)?)?;
            if kind != Kind::Encode {
                again.add("ours", ours::measure(kind, true)?)?;
            }
            if let Some(peer) = &peer {
                let task = plan.task(kind);
                eager.add("peer.py", peer.measure(&task, Variant::Eager, cli.steps)?)?;
                compiled.add("peer.py", peer.measure(&task, Variant::Compiled, cli.steps)?)?;
            }
        }
        if kind == Kind::Encode {
            let what = format!("encode, {} windows", plan.encode_batch());
            let speed = plan.encode_batch() as f64 / ours.median("seconds");
            let speed = format!("{speed:.0} windows/s");
            println!("{}", row(&what, &speed, f64::NAN, &ours, [&eager, &compiled]));
            continue;
        }
        let none = Measurements::default();
        for (what, recompute, ours, peers) in [
            (kind.name(), false, &ours, [&eager, &compiled]),
            (format!("{}, recompute", kind.name()), true, &again, [&none, &none]),
        ] {
            let tokens = known(ours.median("tokens"), |tokens| format!("{tokens:.0}"));
            println!("{}", row(&what, &tokens, plan.estimate(kind, recompute)?, ours, peers));
        }
    }
    Ok(())
}

/// Formats a number; a dash if it is not known.
fn known(value: f64, format: impl Fn(f64) -> String) -> String {
    if value.is_nan() { "–".to_owned() } else { format(value) }
}

/// Formats a size in bytes.
fn memory(bytes: f64) -> String {
    known(bytes, |bytes| format!("{:.0} MB", bytes / 1e6))
}

/// A row of the report; `speed` is what the column of tokens shows.
fn row(
    what: &str,
    speed: &str,
    estimate: f64,
    ours: &Measurements,
    peers: [&Measurements; 2],
) -> String {
    let seconds = ours.median("seconds");
    let shares = ["data", "forward", "backward", "optimizer"].map(|phase| ours.median(phase));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let shares = shares.map(|share| known(share, percent)).join(", ");
    let [eager, compiled] = peers.map(|peer| {
        let theirs = peer.median("seconds");
        let beside =
            |theirs: f64| format!("{:.1} ms, ours takes {:.2}×", theirs * 1e3, seconds / theirs);
        known(theirs, |theirs| format!("{}; {}", beside(theirs), memory(peer.median("peak_bytes"))))
    });
    format!(
        "| {what} | {:.1} ms | {shares} | {speed} | {} | {} | {} | {} | {eager} | {compiled} |",
        seconds * 1e3,
        known(ours.median("tflops"), |tflops| format!("{tflops:.3}")),
        known(ours.median("mfu"), percent),
        memory(ours.median("peak_bytes")),
        memory(estimate),
    )
}
