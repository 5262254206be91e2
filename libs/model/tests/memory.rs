//! Holds the estimated memory of training to its measured peak on the CPU.
//!
//! Each training runs in a process of its own. The kernel reports the peak of its resident set.
//! The allocator returns the memory of each tensor at once, so the peak is that of the tensors.

#![cfg(target_os = "linux")]
#![allow(clippy::cast_precision_loss, reason = "bytes of a small model")]

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;

use camino::Utf8PathBuf;
use genie_model::{
    Device, DynamicsConfig, Estimate, LamConfig, Precision, SourceError, StackConfig, StepReport,
    TokenWindows, TokenizerConfig, TrainConfig, TrainingObserver, Video, estimate_dynamics,
    estimate_lam, estimate_tokenizer, train_dynamics, train_lam, train_tokenizer,
};

/// The variable that tells a child process what to train.
const TRAINING: &str = "GENIE_TEST_TRAINING";
const MODELS: [&str; 3] = ["tokenizer", "lam", "dynamics"];

const FRAMES: usize = 8;
const SIDE: usize = 32;
/// Codes of the tokenizer, tokens of a frame, actions.
const CODES: usize = 64;
const POSITIONS: usize = 64;
const ACTIONS: usize = 8;

const STACK: StackConfig = StackConfig {
    layers: 8,
    d: 64,
    heads: 4,
    head_dim: 0,
    ffn_mult: 4,
    qk_norm: true,
    temporal: true,
};

/// Whether blocks run again, and the precision of matrix products.
#[derive(Clone, Copy, Debug)]
struct Way {
    recompute: bool,
    precision: Precision,
}

impl Way {
    /// The way with this number.
    fn numbered(number: usize) -> Self {
        let precision = if number < 2 { Precision::F32 } else { Precision::Bf16 };
        Self { recompute: number % 2 == 1, precision }
    }

    fn train(self) -> TrainConfig {
        let Self { recompute, precision } = self;
        TrainConfig { steps: 2, batch: 8, recompute, precision, ..TrainConfig::default() }
    }
}

fn tokenizer(way: Way) -> TokenizerConfig {
    TokenizerConfig {
        frames: FRAMES,
        encoder: STACK,
        decoder: STACK,
        train: way.train(),
        ..TokenizerConfig::default()
    }
}

fn lam(way: Way) -> LamConfig {
    let stack = StackConfig { temporal: false, ..STACK };
    LamConfig {
        frames: FRAMES,
        encoder: stack.clone(),
        decoder: stack,
        train: way.train(),
        ..LamConfig::default()
    }
}

fn dynamics(way: Way) -> DynamicsConfig {
    DynamicsConfig { stack: STACK, train: way.train(), ..DynamicsConfig::default() }
}

fn estimate(model: &str, way: Way) -> Estimate {
    let size = (SIDE, SIDE);
    match model {
        "tokenizer" => estimate_tokenizer(&tokenizer(way), size),
        "lam" => estimate_lam(&lam(way), size, 3),
        _ => estimate_dynamics(&dynamics(way), (FRAMES, POSITIONS), CODES, ACTIONS),
    }
    .expect("a config of a possible model")
}

/// Noise.
struct Noise;

impl Noise {
    fn byte(at: usize) -> u8 {
        (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]
    }
}

impl Video for Noise {
    fn clips(&self) -> usize {
        2
    }

    fn frames(&self, _clip: usize) -> usize {
        2 * FRAMES
    }

    fn size(&self) -> (usize, usize) {
        (SIDE, SIDE)
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        to.extend((0..len * SIDE * SIDE * 3).map(|at| Self::byte(at + first + 7 * clip)));
        Ok(())
    }
}

struct Quiet;

impl TrainingObserver for Quiet {
    fn report(&mut self, _report: &StepReport) {}

    fn should_stop(&mut self) -> bool {
        false
    }
}

/// A value of this process's status in bytes.
fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line with the key");
    let kilobytes = line.split_whitespace().next().expect("a number");
    1024 * kilobytes.parse::<u64>().expect("a number")
}

/// Trains what the parent process says, and prints how much memory it needs at most.
fn measure(training: &str) {
    let (model, number) = training.split_once(' ').expect("a model and the number of a way");
    let way = Way::numbered(number.parse().expect("a number"));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let run = Utf8PathBuf::try_from(scratch.path().join("run")).expect("a path in UTF-8");
    let tokens = FRAMES * POSITIONS;
    let below =
        |len: usize, bound: usize| (0..len).map(move |at| usize::from(Noise::byte(at)) % bound);
    let windows = TokenWindows {
        frames: FRAMES,
        positions: POSITIONS,
        columns: 8,
        tokens: below(16 * tokens, CODES).map(|code| u16::try_from(code).unwrap_or(0)).collect(),
        actions: below(16 * (FRAMES - 1), ACTIONS)
            .map(|action| u8::try_from(action).unwrap_or(0))
            .collect(),
    };
    let before = status("VmRSS:");
    let (cpu, quiet) = (Device::Cpu, &mut Quiet);
    match model {
        "tokenizer" => train_tokenizer(&tokenizer(way), &Noise, &run, &cpu, quiet),
        "lam" => train_lam(&lam(way), &Noise, &run, &cpu, quiet),
        _ => train_dynamics(&dynamics(way), Arc::new(windows), CODES, ACTIONS, &run, &cpu, quiet),
    }
    .expect("a trained model");
    println!("peak {}", status("VmHWM:") - before);
}

/// The largest number of bytes that a training has in addition to those at its start.
fn peak(model: &str, way: usize) -> u64 {
    let child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "the_estimate_is_near_the_peak", "--nocapture"])
        .env(TRAINING, format!("{model} {way}"))
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .env("MALLOC_TOP_PAD_", "0")
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .expect("a child process");
    let said = String::from_utf8_lossy(&child.stdout);
    let peak = said.lines().find_map(|line| line.strip_prefix("peak ")?.parse().ok());
    peak.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&child.stderr)))
}

/// Catches: the estimate lacks a layer's activations, or counts what no layer keeps; a block keeps
/// its activations although it runs again; the graph of a block is freed too late.
#[test]
fn the_estimate_is_near_the_peak() {
    if let Ok(training) = env::var(TRAINING) {
        return measure(&training);
    }
    compare(Precision::F32);
}

/// Catches: the same with products in bf16, which a CPU computes slowly.
#[test]
#[ignore = "takes minutes: `make test-slow`"]
fn the_estimate_is_near_the_peak_in_bf16() {
    compare(Precision::Bf16);
}

/// Compares estimates and peaks of all models, without and with recompute.
fn compare(precision: Precision) {
    for model in MODELS {
        let first = if precision == Precision::F32 { 0 } else { 2 };
        let peaks = [first, first + 1].map(|number| {
            let way = Way::numbered(number);
            let (estimate, peak) = (estimate(model, way).bytes(), peak(model, number));
            eprintln!("{model}, {way:?}: estimate {estimate}, peak {peak}");
            let ratio = peak as f64 / estimate as f64;
            assert!((0.85..1.35).contains(&ratio), "{model}, {way:?}: {ratio}");
            peak
        });
        assert!(peaks[1] < peaks[0] / 2, "{model}: {peaks:?}");
    }
}
