//! `make bench-train`: how long a training step of each model of a config takes here, what it is spent on, how fast frames are encoded, and how long the same
//! takes in PyTorch (eager and compiled), in one run on this machine.
//!
//! Data are random: what a step costs does not depend on them. Ours and PyTorch take turns, three rounds; medians of medians are compared. PyTorch's data
//! are in memory before its clock starts, ours are drawn and read beside the steps, as in training.
//!
//! stdout is the report, in Markdown; stderr says what is going on. Without PyTorch (`GENIE_PYTHON`, else `python3`) its columns are left empty.

#![allow(clippy::cast_precision_loss, reason = "for people: no count here needs more than 52 bits")]

mod data;
mod encode;
mod peer;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use genie_model::{Device, StepReport, TrainConfig, Video, Watch, train_dynamics, train_lam, train_tokenizer};
use genie_stage::config::{ConfigArgs, load};
use genie_training::Sections;

use data::{Noise, windows};
use peer::{Peer, Task};

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
    /// Where ours runs: cpu or cuda[:n,…]
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Steps, and batches that are encoded, a round that are measured, after a few that are not
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Steps before the clock counts.
const WARM: usize = 5;
const ROUNDS: usize = 3;

/// Keeps the reports of the steps after the first few.
#[derive(Default)]
struct Reports(Vec<StepReport>);

impl Watch for Reports {
    fn report(&mut self, report: &StepReport) {
        if report.step > WARM {
            self.0.push(report.clone());
        }
    }

    fn stop(&mut self) -> bool {
        false
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A config's training options, for so many steps that are all logged and none saved but the last.
fn short(train: &TrainConfig, steps: usize) -> TrainConfig {
    TrainConfig { steps: WARM + steps, log_every: 1, checkpoint_every: usize::MAX, ..train.clone() }
}

type Ours<'a> = Box<dyn Fn(&Utf8Path, &mut dyn Watch) -> Result<()> + 'a>;

fn main() -> Result<()> {
    let cli = Cli::parse();
    let sections = Sections::read(&load(&cli.config)?)?;
    let device: Device = cli.device.parse()?;
    let (width, height) = cli.size.split_once('x').context("--size is written 32x32")?;
    let video = Noise { height: height.parse()?, width: width.parse()?, frames: 64, clips: 32 };
    let (mut tokenizer, mut lam, mut dynamics) = (sections.tokenizer.0, sections.lam.0, sections.dynamics.0);
    for train in [&mut tokenizer.train, &mut lam.train, &mut dynamics.train] {
        *train = short(train, cli.steps);
    }
    let peer = Peer::find();
    let tasks = [
        Task::tokenizer(&tokenizer, video.size()),
        Task::lam(&lam, video.size()),
        Task::dynamics(&dynamics, &tokenizer, lam.quantizer.size(), video.size()),
    ];
    let tokens = windows(&tokenizer, lam.quantizer.size(), video.size());
    let (codes, actions) = (tokenizer.quantizer.size(), lam.quantizer.size());
    let ours: [(&str, Ours<'_>); 3] = [
        ("tokenizer", Box::new(|run, watch| Ok(train_tokenizer(&tokenizer, &video, run, &device, watch).map(drop)?))),
        ("lam", Box::new(|run, watch| Ok(train_lam(&lam, &video, run, &device, watch).map(drop)?))),
        (
            "dynamics",
            Box::new(|run, watch| {
                Ok(train_dynamics(&dynamics, &tokens, codes, actions, run, &device, watch).map(drop)?)
            }),
        ),
    ];
    println!(
        "| model | ms a step | data, forward, backward, optimizer | tokens/s | GFLOP/s | PyTorch eager | compiled |"
    );
    println!("|---|---|---|---|---|---|---|");
    for ((name, step), task) in ours.iter().zip(&tasks) {
        let (mut reports, mut eager, mut compiled) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            eprintln!("{name}: round {} of {ROUNDS}", round + 1);
            let scratch = tempfile::tempdir()?;
            let mut watch = Reports::default();
            step(&Utf8PathBuf::try_from(scratch.path().join(name))?, &mut watch)?;
            reports.extend(watch.0);
            if let Some(peer) = &peer {
                let [one, other] = peer.measure(task, WARM, cli.steps)?;
                eager.push(one);
                compiled.push(other);
            }
        }
        println!("{}", row(name, &reports, median(eager), median(compiled)));
    }

    print!("\n{}", encode::table(&tokenizer, &video, device, peer.as_ref(), cli.steps)?);
    Ok(())
}

/// PyTorch's value, and how much longer ours takes.
fn beside(ours: f64, theirs: f64, told: &dyn Fn(f64) -> String) -> String {
    if theirs.is_nan() { "–".to_owned() } else { format!("{}, ours takes {:.2}×", told(theirs), ours / theirs) }
}

fn row(name: &str, reports: &[StepReport], eager: f64, compiled: f64) -> String {
    let of = |value: &dyn Fn(&StepReport) -> f64| median(reports.iter().map(value).collect());
    let seconds = of(&|report| report.speed.seconds_per_step);
    let shares = [
        of(&|report| report.speed.data_wait_share),
        of(&|report| report.speed.forward_share),
        of(&|report| report.speed.backward_share),
        of(&|report| report.speed.optimizer_share),
    ];
    let shares = shares.map(|share| format!("{:.0} %", share * 100.0)).join(", ");
    let peer = |theirs: f64| beside(seconds, theirs, &|theirs| format!("{:.1} ms", theirs * 1e3));
    format!(
        "| {name} | {:.1} | {shares} | {:.0} | {:.1} | {} | {} |",
        seconds * 1e3,
        of(&|report| report.speed.tokens_per_second),
        of(&|report| report.speed.tflops) * 1e3,
        peer(eager),
        peer(compiled)
    )
}
