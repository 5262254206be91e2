//! `make bench-train`: how long a training step of each model of a config takes here, what it is spent on and how much memory it takes, how fast frames are
//! encoded, and the same of PyTorch (eager and compiled), in one run on this machine.
//!
//! Data are random: what a step costs does not depend on them. Ours and PyTorch take turns, three rounds, each in a process of its own; medians are compared.
//! PyTorch's data are in memory before its clock starts, ours are drawn and read beside the steps, as in training. Memory is the most at once: on a GPU what
//! the allocator holds, else the resident set of the process.
//!
//! stdout is the report, in Markdown; stderr says what is going on. Without PyTorch (`GENIE_PYTHON`, else `python3`) its columns are left empty.

#![allow(clippy::cast_precision_loss, reason = "for people: no count here needs more than 52 bits")]

mod answers;
mod data;
mod ours;
mod peer;

use anyhow::{Context as _, Result, ensure};
use camino::Utf8Path;
use clap::{Parser, ValueEnum};
use genie_model::{Device, DynamicsConfig, LamConfig, TokenizerConfig, TrainConfig, Video as _};
use genie_stage::config::{ConfigArgs, load};
use genie_training::{ModelSections, pixels_at_once};

use answers::Answers;
use data::Noise;
use peer::{Peer, Task, Variant};

// As in the binaries: without it a step takes a quarter longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a training step takes, and how fast frames are encoded
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    config: ConfigArgs,
    /// Size of frames in pixels
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "32x32")]
    size: String,
    /// Where ours and PyTorch's run: cpu or cuda[:n,…], of which PyTorch takes the first
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Steps, and batches that are encoded, a round that are measured, after a few that are not
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// What to measure
    #[arg(long, value_delimiter = ',', default_value = "tokenizer,lam,dynamics,encode")]
    what: Vec<Kind>,
    /// Measure ours of this, in this process, and print what a table is made of
    #[arg(long, hide = true)]
    only: Option<Kind>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A training step of the tokenizer.
    Tokenizer,
    /// Of the latent action model.
    Lam,
    /// Of the dynamics model.
    Dynamics,
    /// The tokens of a batch of windows.
    Encode,
}

impl Kind {
    /// As on the command line.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Steps before the clock counts.
const WARM: usize = 5;
/// Steps between two looks at the clock, at a loss, and so at the device.
const RUN: usize = 5;
const ROUNDS: usize = 3;

/// The models of a config, and what they are trained on here.
struct Plan {
    tokenizer: TokenizerConfig,
    lam: LamConfig,
    dynamics: DynamicsConfig,
    video: Noise,
    device: Device,
    /// Steps a round.
    steps: usize,
}

impl Plan {
    fn of(cli: &Cli) -> Result<Self> {
        let sections = ModelSections::read(&load(&cli.config)?)?;
        let (width, height) = cli.size.split_once('x').context("--size is written 32x32")?;
        ensure!(cli.steps > 0 && cli.steps.is_multiple_of(RUN), "--steps is a multiple of {RUN}");
        let mut plan = Self {
            tokenizer: sections.tokenizer.0,
            lam: sections.lam.0,
            dynamics: sections.dynamics.0,
            video: Noise { height: height.parse()?, width: width.parse()?, frames: 64, clips: 32 },
            device: cli.device.parse()?,
            steps: cli.steps,
        };
        for train in [&mut plan.tokenizer.train, &mut plan.lam.train, &mut plan.dynamics.train] {
            // None is saved but the last.
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

    /// Windows that `encode` has at once.
    fn windows_at_once(&self) -> usize {
        (pixels_at_once(self.device)
            / (self.tokenizer.frames * self.video.height * self.video.width))
            .max(1)
    }

    fn task(&self, kind: Kind) -> Task {
        let size = self.video.size();
        match kind {
            Kind::Tokenizer => Task::tokenizer(&self.tokenizer, size),
            Kind::Lam => Task::lam(&self.lam, size),
            Kind::Dynamics => {
                Task::dynamics(&self.dynamics, &self.tokenizer, self.lam.quantizer.size(), size)
            }
            Kind::Encode => Task::encode(&self.tokenizer, size, self.windows_at_once()),
        }
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let plan = Plan::of(&cli)?;
    if let Some(kind) = cli.only {
        return ours::answer(kind, &plan);
    }
    let peer = Peer::find(plan.device)?;
    let name = cli.config.config.as_deref().and_then(Utf8Path::file_stem).unwrap_or("defaults");
    println!(
        "| {name} at {}, {} | a step | data, forward, backward, optimizer | tokens/s | TFLOP/s | MFU | memory | PyTorch eager | compiled |",
        cli.size, plan.device
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for &kind in &cli.what {
        let (mut ours, mut eager, mut compiled) =
            (Answers::default(), Answers::default(), Answers::default());
        for round in 0..ROUNDS {
            eprintln!("{}: round {} of {ROUNDS}", kind.name(), round + 1);
            ours.add("ours", ours::measure(kind)?)?;
            if let Some(peer) = &peer {
                let task = plan.task(kind);
                eager.add("peer.py", peer.measure(&task, Variant::Eager, cli.steps)?)?;
                compiled.add("peer.py", peer.measure(&task, Variant::Compiled, cli.steps)?)?;
            }
        }
        let windows = (kind == Kind::Encode).then(|| plan.windows_at_once());
        println!("{}", row(kind, windows, &ours, [&eager, &compiled]));
    }
    Ok(())
}

/// A number for people; a dash for one that is not known.
fn told(value: f64, how: impl Fn(f64) -> String) -> String {
    if value.is_nan() { "–".to_owned() } else { how(value) }
}

fn memory(bytes: f64) -> String {
    told(bytes, |bytes| format!("{:.0} MB", bytes / 1e6))
}

/// A row of the report; `windows`, of a batch, where it is of encoding.
fn row(kind: Kind, windows: Option<usize>, ours: &Answers, peers: [&Answers; 2]) -> String {
    let seconds = ours.median("seconds");
    let shares = ["data", "forward", "backward", "optimizer"].map(|phase| ours.median(phase));
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let shares = shares.map(|share| told(share, percent)).join(", ");
    let (what, tokens) = match windows {
        None => (kind.name(), told(ours.median("tokens"), |tokens| format!("{tokens:.0}"))),
        Some(windows) => (
            format!("encode, {windows} windows"),
            format!("{:.0} windows/s", windows as f64 / seconds),
        ),
    };
    let [eager, compiled] = peers.map(|peer| {
        let theirs = peer.median("seconds");
        let beside =
            |theirs: f64| format!("{:.1} ms, ours takes {:.2}×", theirs * 1e3, seconds / theirs);
        told(theirs, |theirs| format!("{}; {}", beside(theirs), memory(peer.median("peak_bytes"))))
    });
    format!(
        "| {what} | {:.1} ms | {shares} | {tokens} | {} | {} | {} | {eager} | {compiled} |",
        seconds * 1e3,
        told(ours.median("tflops"), |tflops| format!("{tflops:.3}")),
        told(ours.median("mfu"), percent),
        memory(ours.median("peak_bytes")),
    )
}
