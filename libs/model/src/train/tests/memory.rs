//! Holds the estimated memory of several devices to the measured peak on the CPU.
//!
//! Burn's CPU backend has one device, which takes the place of each. So the measured memory is that
//! of all devices together, and weights that several of them have are there once. Rounded weights
//! are copies, so in bf16 each device has its own.
//!
//! Each training runs in a process of its own. The kernel reports the peak of its resident set.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Precision;
use crate::estimate::{CostTally, Estimate};
use crate::layers::Stack;
use crate::train::{Loss, StepReport, Task, train};

/// The variable that tells a child process what to train.
const TRAINING: &str = "GENIE_TEST_DEVICES";
const GRID: Grid = Grid { b: 2, t: 4, s: 8 };
const D: usize = 256;

/// A task with few rows and many weights.
struct Wide;

fn wide() -> StackConfig {
    StackConfig {
        layers: 6,
        d: D,
        heads: 4,
        head_dim: 0,
        ffn_mult: 4,
        qk_norm: true,
        temporal: true,
    }
}

impl Task<Ad> for Wide {
    type Model = Stack<Ad>;
    type Batch = Vec<f32>;
    type Aux = ();

    fn init(&self, device: &FlexDevice) -> Stack<Ad> {
        wide().init(device)
    }

    fn batch(&self, index: usize, _rng: &mut ChaCha8Rng) -> Result<Vec<f32>, ModelError> {
        let bytes = noise(GRID.rows() * D, index as u64);
        Ok(bytes.into_iter().map(|byte| f32::from(byte) / 128.0 - 1.0).collect())
    }

    fn loss(
        &self,
        model: &Stack<Ad>,
        batch: Vec<f32>,
        _rng: &mut ChaCha8Rng,
        device: &FlexDevice,
    ) -> Loss<Ad, ()> {
        let x = Tensor::<Ad, 1>::from_floats(batch.as_slice(), device).reshape([GRID.rows(), D]);
        let off = model.forward(x.clone(), GRID) - x;
        Loss { value: (off.clone() * off).mean(), metrics: Vec::new(), aux: () }
    }
}

fn config(precision: Precision) -> TrainConfig {
    TrainConfig {
        precision,
        log_every: 1,
        batch: 4,
        accumulate: 4,
        recompute: true,
        shard_weights: true,
        ..steps(2)
    }
}

/// A value of this process's status in bytes.
fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    1024 * line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
}

/// Prints the peak before the last checkpoint, for which the host has copies of all moments.
struct PrintPeak(u64);

impl TrainingObserver for PrintPeak {
    fn report(&mut self, report: &StepReport) {
        if report.step == 2 {
            println!("peak {}", status("VmHWM:") - self.0);
        }
    }

    fn should_stop(&mut self) -> bool {
        false
    }
}

/// Trains as the parent process says.
fn measure(training: &str) {
    let (precision, devices) = training.split_once(' ').unwrap();
    let config = config(if precision == "f32" { Precision::F32 } else { Precision::Bf16 });
    let (runs, description) =
        (Runs::new(), BTreeMap::from([("model".to_owned(), "wide".to_owned())]));
    let devices = vec![FlexDevice; devices.parse().unwrap()];
    let (run, cost, mut print) = (runs.run("a"), Estimate::default(), PrintPeak(status("VmRSS:")));
    train::<Ad, _>(&Wide, &config, &description, &cost, &run, &devices, &mut print).unwrap();
}

/// The most bytes that a training has in addition to those at its start.
fn peak(precision: &str, devices: u64) -> u64 {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "train::tests::memory::devices_need_what_the_estimate_says"])
        .arg("--nocapture")
        .env(TRAINING, format!("{precision} {devices}"))
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .env("MALLOC_TOP_PAD_", "0")
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let peak = said.lines().find_map(|line| line.strip_prefix("peak ")?.parse().ok());
    peak.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&child.stderr)))
}

/// Catches: each device has gradients or rounded weights of the whole model; a device keeps the
/// copied weights or the gradients of a block after it has run; the estimate lacks some of them.
#[test]
fn devices_need_what_the_estimate_says() {
    if let Ok(training) = env::var(TRAINING) {
        return measure(&training);
    }
    for (name, precision) in [("f32", Precision::F32), ("bf16", Precision::Bf16)] {
        let config = config(precision);
        let mut tally = CostTally::new(&config);
        tally.stack(&wide(), GRID);
        let estimate = Estimate::of(&tally, &config, GRID.rows());
        let one = peak(name, 1);
        for devices in [1, 4] {
            let peak = if devices == 1 { one } else { peak(name, devices) };
            // All devices together, with one copy of the weights.
            let expected = estimate.bytes() + (devices - 1) * estimate.activation_bytes;
            let ratio = peak as f64 / expected as f64;
            let each = estimate.bytes_on(devices);
            eprintln!("{name}, {devices}: {peak} of {expected}, {ratio:.3}; each {each}");
            assert!((0.85..1.35).contains(&ratio), "{name}, {devices} devices: {ratio}");
            // Half of what gradients in f32 or rounded weights of each device would need.
            let copies = (devices - 1) * estimate.parameters;
            let more = peak.saturating_sub(one);
            assert!(
                more <= (devices - 1) * 2 * estimate.activation_bytes + copies,
                "{name}, {devices} devices: {more} bytes more than one"
            );
        }
    }
}
