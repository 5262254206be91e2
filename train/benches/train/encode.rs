//! Encoding: frames to tokens, as `genie-tokenize encode` asks it of the model. Reading and writing are not in it: they go on beside it.

use std::time::Instant;

use anyhow::Result;
use camino::Utf8PathBuf;
use genie_model::{Device, Tokenizer, TokenizerConfig, TrainConfig, Video, train_tokenizer};
use genie_training::pixels_at_once;

use crate::data::Noise;
use crate::peer::{Peer, Task};
use crate::{ROUNDS, Reports, WARM, beside, median};

/// Windows a second, ours and PyTorch's in turns, in Markdown. A round has so many batches, of as many windows as `encode` has at once.
///
/// # Errors
/// Those of training and encoding, and Python's.
pub fn table(
    config: &TokenizerConfig,
    video: &Noise,
    device: Device,
    peer: Option<&Peer>,
    batches: usize,
) -> Result<String> {
    let windows = (pixels_at_once(device) / (config.frames * video.height * video.width)).max(1);
    let tokenizer = hardly_trained(config, video, device)?;
    let mut frames = Vec::new();
    for window in 0..windows {
        video.read(window % video.clips, 0, config.frames, &mut frames).map_err(anyhow::Error::from_boxed)?;
    }
    let task = Task::encode(config, video.size(), windows);
    let (mut ours, mut eager, mut compiled) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        eprintln!("encoding: round {} of {ROUNDS}", round + 1);
        ours.push(seconds(&tokenizer, &frames, batches)?);
        if let Some(peer) = peer {
            let [one, other] = peer.measure(&task, WARM, batches)?;
            eager.push(one);
            compiled.push(other);
        }
    }
    let (ours, speed) = (median(ours), |seconds: f64| format!("{:.0}", windows as f64 / seconds));
    let peers = [eager, compiled].map(|seconds| beside(ours, median(seconds), &speed));
    Ok(format!(
        "| encoding | windows/s | PyTorch eager | compiled |\n|---|---|---|---|\n| {windows} windows at once | {} | {} | {} |\n",
        speed(ours),
        peers[0],
        peers[1]
    ))
}

fn hardly_trained(config: &TokenizerConfig, video: &Noise, device: Device) -> Result<Tokenizer> {
    let scratch = tempfile::tempdir()?;
    let run = Utf8PathBuf::try_from(scratch.path().join("tokenizer"))?;
    let short = TokenizerConfig { train: TrainConfig { steps: 1, ..config.train.clone() }, ..config.clone() };
    train_tokenizer(&short, video, &run, &device, &mut Reports::default())?;
    Ok(Tokenizer::load(&run, &device)?)
}

/// Median seconds of a batch.
fn seconds(tokenizer: &Tokenizer, frames: &[u8], batches: usize) -> Result<f64> {
    let mut seconds = Vec::new();
    for batch in 0..WARM + batches {
        let began = Instant::now();
        tokenizer.encode(frames)?;
        if batch >= WARM {
            seconds.push(began.elapsed().as_secs_f64());
        }
    }
    Ok(median(seconds))
}
