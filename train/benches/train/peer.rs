//! The same in PyTorch: what `peer.py` is asked, and its answer.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use genie_model::{
    ActionMode, DynamicsConfig, FrameSize, LamConfig, LamEncoder, LamPool, LamReader, LamTarget, OptimizerKind,
    QuantizerConfig, QuantizerKind, RGB, StackConfig, TokenizerConfig, TrainConfig,
};
use serde_json::{Value, json};

/// A Python that has PyTorch.
pub struct Peer {
    python: String,
}

/// What is to be done, in PyTorch's words.
pub struct Task(Value);

impl Peer {
    /// None, and a word about it, where there is no PyTorch.
    pub fn find() -> Option<Self> {
        let python = std::env::var("GENIE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let found = Command::new(&python).args(["-c", "import torch"]).stderr(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Some(Self { python });
        }
        eprintln!("{python} has no torch: not compared (GENIE_PYTHON names another Python)");
        None
    }

    /// Median seconds of a step, or of a batch that is encoded, eager and compiled.
    ///
    /// # Errors
    /// When Python fails.
    pub fn measure(&self, task: &Task, warm: usize, steps: usize) -> Result<[f64; 2]> {
        let mut question = task.0.clone();
        question["warm"] = json!(warm);
        question["steps"] = json!(steps);
        question["threads"] = json!(std::thread::available_parallelism()?.get());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/train/peer.py");
        let mut child = Command::new(&self.python)
            .args(["-B", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Python")?;
        child.stdin.take().context("no stdin")?.write_all(question.to_string().as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "peer.py failed: its message is above");
        let text = String::from_utf8(output.stdout)?;
        let mut seconds = text.lines().map(|line| -> Result<f64> {
            serde_json::from_str::<Value>(line)?["seconds"].as_f64().context("peer.py told no seconds")
        });
        let mut next = || seconds.next().context("peer.py told too little")?;
        Ok([next()?, next()?])
    }
}

fn stack(config: &StackConfig) -> Value {
    let StackConfig { layers, d, heads, ffn_mult, qk_norm, temporal, .. } = *config;
    json!({ "layers": layers, "d": d, "heads": heads, "ffn_mult": ffn_mult, "qk_norm": qk_norm, "temporal": temporal })
}

fn quantizer(config: &QuantizerConfig) -> Value {
    let mut value = json!({ "commitment": config.commitment, "usage": config.usage, "centre": config.centre });
    match config.kind {
        QuantizerKind::Vq => (value["codes"], value["latent"]) = (json!(config.codes), json!(config.latent)),
        QuantizerKind::Fsq => value["levels"] = json!(config.levels),
    }
    value
}

fn tokenizer(config: &TokenizerConfig, size: (usize, usize)) -> Value {
    json!({
        "encoder": stack(&config.encoder),
        "decoder": stack(&config.decoder),
        "quantizer": quantizer(&config.quantizer),
        "frames": config.frames,
        "size": [size.0, size.1],
        "patch": config.patch,
        "changed_pixel_weight": config.changed_pixel_weight,
    })
}

fn optimizer(train: &TrainConfig) -> &'static str {
    match train.optimizer {
        OptimizerKind::AdamW => "adamw",
        OptimizerKind::Muon => "muon",
    }
}

impl Task {
    /// A tokenizer's.
    pub fn tokenizer(config: &TokenizerConfig, size: (usize, usize)) -> Self {
        Self(json!({
            "kind": "tokenizer",
            "batch": config.windows_a_part() * config.train.accumulate,
            "span": config.span(),
            "optimizer": optimizer(&config.train),
            "model": tokenizer(config, size),
        }))
    }

    /// Encoding of so many windows at once by a tokenizer.
    pub fn encode(config: &TokenizerConfig, size: (usize, usize), windows: usize) -> Self {
        Self(json!({ "kind": "encode", "batch": windows, "model": tokenizer(config, size) }))
    }

    /// A latent action model's.
    pub fn lam(config: &LamConfig, size: (usize, usize)) -> Self {
        let convolutions = (config.reads == LamReader::Convolution)
            .then(|| json!({ "channels": config.convolutions.channels, "strides": config.convolutions.strides }));
        Self(json!({
            "kind": "lam",
            "batch": config.train.batch,
            "optimizer": optimizer(&config.train),
            "convolutions": convolutions,
            "model": {
                "encoder": stack(&config.encoder),
                "decoder": stack(&config.decoder),
                "quantizer": quantizer(&config.quantizer),
                "frames": config.frames,
                "size": [size.0, size.1],
                "patch": config.patch,
                "pairs": config.sees == LamEncoder::Pairs,
                "given": config.given(),
                "change": config.target == LamTarget::Change,
                "pool": if config.pool == LamPool::Max { "max" } else { "mean" },
                "changed_pixel_weight": config.changed_pixel_weight,
            },
        }))
    }

    /// A dynamics model's, over a tokenizer's tokens of frames of `size`.
    pub fn dynamics(
        config: &DynamicsConfig,
        tokenizer: &TokenizerConfig,
        actions: usize,
        (height, width): (usize, usize),
    ) -> Self {
        let size = FrameSize { height, width, patch: tokenizer.patch, channels: RGB };
        Self(json!({
            "kind": "dynamics",
            "batch": config.train.batch,
            "optimizer": optimizer(&config.train),
            "masked": config.masked_share(),
            "model": {
                "stack": stack(&config.stack),
                "frames": tokenizer.frames,
                "positions": size.positions(),
                "codes": tokenizer.quantizer.size(),
                "actions": actions,
                "prepend": config.action_mode == ActionMode::Prepend,
                "previous_frame": config.previous_frame,
            },
        }))
    }
}
