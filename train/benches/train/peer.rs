//! The same in PyTorch: what `peer.py` is asked.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use genie_model::{
    ActionMode, Device, DynamicsConfig, FrameSize, LamConfig, LamReads, LamSees, LamTarget,
    QuantizerConfig, QuantizerKind, RGB, TokenizerConfig, TrainConfig,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{RUN, WARM};

/// What Python runs, and the models that it imports. They are in this program, which is carried to GPUs without the checkout.
const SCRIPTS: [(&str, &str); 2] = [
    ("peer.py", include_str!("peer.py")),
    ("model.py", include_str!("../../../tests/reference/model.py")),
];

/// A Python that has PyTorch, and where it is to compute.
pub struct Peer {
    python: String,
    device: &'static str,
    scripts: TempDir,
}

/// What is to be done, in PyTorch's words.
pub struct Task(Value);

/// How PyTorch runs it.
#[derive(Clone, Copy)]
pub enum Variant {
    /// An operation at a time.
    Eager,
    /// By `torch.compile`.
    Compiled,
}

impl Peer {
    /// None, and a word about it, where there is no PyTorch, or none for the device.
    ///
    /// # Errors
    /// When the scripts cannot be written.
    pub fn find(device: Device) -> Result<Option<Self>> {
        let python = std::env::var("GENIE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let (device, test) = match device {
            Device::Cpu => ("cpu", "import torch"),
            #[cfg(feature = "cuda")]
            Device::Cuda(_) => ("cuda", "import torch; assert torch.cuda.is_available()"),
        };
        let found = Command::new(&python).args(["-c", test]).stderr(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            let scripts = tempfile::tempdir()?;
            for (name, text) in SCRIPTS {
                std::fs::write(scripts.path().join(name), text)?;
            }
            return Ok(Some(Self { python, device, scripts }));
        }
        eprintln!(
            "{python} has no torch for {device}: not compared (GENIE_PYTHON names another Python)"
        );
        Ok(None)
    }

    /// Does it in a process of its own.
    ///
    /// # Errors
    /// When Python cannot be started.
    pub fn measure(&self, task: &Task, variant: Variant, steps: usize) -> Result<Output> {
        let mut question = task.0.clone();
        let variant = match variant {
            Variant::Eager => "eager",
            Variant::Compiled => "compiled",
        };
        (question["variant"], question["device"]) = (json!(variant), json!(self.device));
        (question["warm"], question["steps"], question["run"]) =
            (json!(WARM), json!(steps), json!(RUN));
        question["threads"] = json!(std::thread::available_parallelism()?.get());
        let mut child = Command::new(&self.python)
            .arg("-B")
            .arg(self.scripts.path().join(SCRIPTS[0].0))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Python")?;
        child.stdin.take().context("no stdin")?.write_all(question.to_string().as_bytes())?;
        child.wait_with_output().context("Python")
    }
}

fn quantizer(config: &QuantizerConfig) -> Value {
    let mut value =
        json!({ "commitment": config.commitment, "usage": config.usage, "centre": config.centre });
    match config.kind {
        QuantizerKind::Vq => {
            (value["codes"], value["latent"]) = (json!(config.codes), json!(config.latent))
        }
        QuantizerKind::Fsq => value["levels"] = json!(config.levels),
    }
    value
}

/// What a model of frames is, by its section `config`: a tokenizer, or latent actions, which adds to it.
fn model(config: &Value, coded: &QuantizerConfig, size: (usize, usize)) -> Value {
    let mut model = json!({ "quantizer": quantizer(coded), "size": [size.0, size.1] });
    for key in ["encoder", "decoder", "frames", "patch", "changed_pixel_weight"] {
        model[key] = config[key].clone();
    }
    model
}

fn tokenizer(config: &TokenizerConfig, size: (usize, usize)) -> Value {
    model(&json!(config), &config.quantizer, size)
}

/// What a step of training is, of `batch` windows a part.
fn training(kind: &str, train: &TrainConfig, batch: usize, model: &Value) -> Value {
    json!({
        "kind": kind,
        "batch": batch,
        "parts": train.accumulate,
        "optimizer": train.optimizer,
        "precision": train.precision,
        "model": model,
    })
}

impl Task {
    /// A tokenizer's.
    pub fn tokenizer(config: &TokenizerConfig, size: (usize, usize)) -> Self {
        let mut task = training(
            "tokenizer",
            &config.train,
            config.windows_per_micro_batch(),
            &tokenizer(config, size),
        );
        task["span"] = json!(config.span());
        Self(task)
    }

    /// Encoding of so many windows at once by a tokenizer.
    pub fn encode(config: &TokenizerConfig, size: (usize, usize), windows: usize) -> Self {
        Self(json!({ "kind": "encode", "batch": windows, "model": tokenizer(config, size) }))
    }

    /// A latent action model's.
    pub fn lam(config: &LamConfig, size: (usize, usize)) -> Self {
        let mut model = model(&json!(config), &config.quantizer, size);
        model["pool"] = json!(config.pool);
        model["given"] = json!(config.given());
        model["pairs"] = json!(config.sees == LamSees::Pairs);
        model["change"] = json!(config.target == LamTarget::Change);
        let mut task = training("lam", &config.train, config.train.part(), &model);
        task["convolutions"] =
            json!((config.reads == LamReads::Convolution).then_some(&config.convolutions));
        Self(task)
    }

    /// A dynamics model's, over a tokenizer's tokens of frames of `size`.
    pub fn dynamics(
        config: &DynamicsConfig,
        tokenizer: &TokenizerConfig,
        actions: usize,
        (height, width): (usize, usize),
    ) -> Self {
        let size = FrameSize { height, width, patch: tokenizer.patch, channels: RGB };
        let model = json!({
            "stack": config.stack,
            "frames": tokenizer.frames,
            "positions": size.positions(),
            "codes": tokenizer.quantizer.size(),
            "actions": actions,
            "prepend": config.action_mode == ActionMode::Prepend,
            "previous_frame": config.previous_frame,
        });
        let mut task = training("dynamics", &config.train, config.train.part(), &model);
        task["masked"] = json!(config.masked_share());
        Self(task)
    }
}
