//! Ours: this program again, in a process of its own for each measurement, so that its memory is that of one model.

use std::env;
use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{
    Device, StepReport, Tokenizer, TokenizerConfig, TrainConfig, Video, Watch, train_dynamics,
    train_lam, train_tokenizer,
};
use serde_json::json;

use crate::data::{Noise, windows};
use crate::{Kind, Plan, RUN, WARM};

/// Measures in a process of its own, with this one's arguments.
///
/// # Errors
/// When it cannot be started.
pub fn measure(kind: Kind) -> Result<Output> {
    let mut again = Command::new(env::current_exe()?);
    again.args(env::args_os().skip(1)).arg("--only").arg(kind.name()).stdout(Stdio::piped());
    again.spawn()?.wait_with_output().context("the measuring process")
}

/// Measures here, and prints the answers.
///
/// # Errors
/// Those of training and encoding.
pub fn answer(kind: Kind, plan: &Plan) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let run = Utf8PathBuf::try_from(scratch.path().join("run"))?;
    let Plan { tokenizer, lam, dynamics, video, device, .. } = plan;
    match kind {
        Kind::Tokenizer => drop(train_tokenizer(tokenizer, video, &run, device, &mut Print)?),
        Kind::Lam => drop(train_lam(lam, video, &run, device, &mut Print)?),
        Kind::Dynamics => {
            let (codes, actions) = (tokenizer.quantizer.size(), lam.quantizer.size());
            let tokens = windows(tokenizer, actions, video.size());
            train_dynamics(dynamics, &tokens, codes, actions, &run, device, &mut Print)?;
        }
        Kind::Encode => encode(plan, &run)?,
    }
    let peak = device.reserved().or_else(resident);
    println!("{}", json!({ "peak_bytes": peak }));
    Ok(())
}

/// The most that was resident of this process at once, in bytes; not known but on Linux.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Prints the steps after the first few.
struct Print;

impl Watch for Print {
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

    fn stop(&mut self) -> bool {
        false
    }
}

/// Encodes as `genie-tokenize encode` asks it of the model, by one that was hardly trained. Reading and writing are not in it: they go on beside it.
fn encode(plan: &Plan, run: &Utf8Path) -> Result<()> {
    let Plan { tokenizer: config, video, device, .. } = plan;
    let mut frames = Vec::new();
    for window in 0..plan.windows_at_once() {
        video
            .read(window % video.clips, 0, config.frames, &mut frames)
            .map_err(anyhow::Error::from_boxed)?;
    }
    let tokenizer = hardly_trained(config, video, *device, run)?;
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

/// By one window, which takes less memory than encoding.
fn hardly_trained(
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
