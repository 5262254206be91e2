//! Measures this crate.
//!
//! Each measurement runs in its own process of this program, so that its memory is that of one
//! model.

use std::env;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{
    Device, StepReport, Tokenizer, TokenizerConfig, TrainConfig, TrainingObserver, Video,
    train_dynamics, train_lam, train_tokenizer,
};
use serde_json::json;

use crate::data::{Noise, windows};
use crate::{Kind, Plan, RUN, WARM};

/// Starts a process that measures `kind`, with the arguments of this one, and waits for it.
///
/// If `kind` is a training step, its blocks run again in the backward pass if `recompute`.
///
/// # Errors
/// If the process cannot be started.
pub fn measure(kind: Kind, recompute: bool) -> Result<Output> {
    let mut child = Command::new(env::current_exe()?);
    child.args(env::args_os().skip(1)).arg("--only").arg(kind.name()).stdout(Stdio::piped());
    if kind != Kind::Encode {
        child.args(["--set", &format!("{}.train.recompute={recompute}", kind.name())]);
    }
    child.spawn()?.wait_with_output().context("cannot wait for the measuring process")
}

/// Measures `kind` in this process, and prints the numbers.
///
/// # Errors
/// Errors of training and encoding.
pub fn measure_here(kind: Kind, plan: &Plan) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let run = Utf8PathBuf::try_from(scratch.path().join("run"))?;
    let Plan { tokenizer, lam, dynamics, video, device, .. } = plan;
    match kind {
        Kind::Tokenizer => drop(train_tokenizer(tokenizer, video, &run, device, &mut Print)?),
        Kind::Lam => drop(train_lam(lam, video, &run, device, &mut Print)?),
        Kind::Dynamics => {
            let (codes, actions) = (tokenizer.quantizer.size(), lam.num_actions());
            let tokens = Arc::new(windows(tokenizer, actions, video.size()));
            train_dynamics(dynamics, tokens, codes, actions, &run, device, &mut Print)?;
        }
        Kind::Encode => encode(plan, &run)?,
    }
    let peak = device.reserved_bytes().or_else(resident);
    println!("{}", json!({ "peak_bytes": peak }));
    Ok(())
}

/// Peak resident set of this process in bytes; known only on Linux.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Prints the speed of the steps after the warm-up.
struct Print;

impl TrainingObserver for Print {
    fn report(&mut self, report: &StepReport) {
        if report.step > WARM {
            let speed = report.speed;
            println!(
                "{}",
                json!({
                    "seconds": speed.seconds_per_step,
                    "data": speed.data_wait_share,
                    "forward": speed.forward_share,
                    "backward": speed.backward_share,
                    "optimizer": speed.optimizer_share,
                    "tokens": speed.tokens_per_second,
                    "tflops": speed.tflops,
                    "mfu": speed.mfu,
                })
            );
        }
    }

    fn should_stop(&mut self) -> bool {
        false
    }
}

/// Measures the encoding of batches as `genie-tokenize encode` has them.
///
/// The model has one training step. Reading and writing are not measured: they run on other threads
/// than encoding.
fn encode(plan: &Plan, run: &Utf8Path) -> Result<()> {
    let Plan { tokenizer: config, video, device, .. } = plan;
    let mut frames = Vec::new();
    for window in 0..plan.encode_batch() {
        video
            .read(window % video.clips, 0, config.frames, &mut frames)
            .map_err(anyhow::Error::from_boxed)?;
    }
    let tokenizer = briefly_trained(config, video, *device, run)?;
    for _ in 0..WARM {
        tokenizer.encode(&frames)?;
    }
    for _ in 0..plan.steps / RUN {
        let began = Instant::now();
        for _ in 0..RUN {
            tokenizer.encode(&frames)?;
        }
        println!("{}", json!({ "seconds": began.elapsed().as_secs_f64() / RUN as f64 }));
    }
    Ok(())
}

/// A tokenizer after one training step on one window, which needs less memory than encoding.
fn briefly_trained(
    config: &TokenizerConfig,
    video: &Noise,
    device: Device,
    run: &Utf8Path,
) -> Result<Tokenizer> {
    let train = TrainConfig { steps: 1, batch: 1, accumulate: 1, ..config.train.clone() };
    let short = TokenizerConfig { train, ..config.clone() };
    train_tokenizer(&short, video, run, &device, &mut Print)?;
    Ok(Tokenizer::load(run, &device)?)
}
