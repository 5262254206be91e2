//! Measures PyTorch: the tasks for `peer.py`.

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

/// The Python script, and the models that it imports.
///
/// They are part of this program, so it runs on GPU machines that have no checkout.
const SCRIPTS: [(&str, &str); 2] = [
    ("peer.py", include_str!("peer.py")),
    ("model.py", include_str!("../../../tests/reference/model.py")),
];

/// A Python with PyTorch, and its device.
pub struct Peer {
    python: String,
    device: &'static str,
    scripts: TempDir,
}

/// A task for `peer.py`, as JSON.
pub struct PeerTask(Value);

/// How PyTorch runs a task.
#[derive(Clone, Copy)]
pub enum Variant {
    /// One operation after the other.
    Eager,
    /// With `torch.compile`.
    Compiled,
}

impl Peer {
    /// Finds a Python with PyTorch for the device; without one, prints a note and returns none.
    ///
    /// # Errors
    /// If the scripts cannot be written.
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
            "{python} has no torch for {device}, so PyTorch is not measured; set GENIE_PYTHON to \
             use another Python"
        );
        Ok(None)
    }

    /// Measures a task in its own process.
    ///
    /// # Errors
    /// If Python cannot be started.
    pub fn measure(&self, task: &PeerTask, variant: Variant, steps: usize) -> Result<Output> {
        let mut request = task.0.clone();
        let variant = match variant {
            Variant::Eager => "eager",
            Variant::Compiled => "compiled",
        };
        (request["variant"], request["device"]) = (json!(variant), json!(self.device));
        (request["warm"], request["steps"], request["run"]) =
            (json!(WARM), json!(steps), json!(RUN));
        request["threads"] = json!(std::thread::available_parallelism()?.get());
        let mut child = Command::new(&self.python)
            .arg("-B")
            .arg(self.scripts.path().join(SCRIPTS[0].0))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start Python")?;
        child
            .stdin
            .take()
            .context("Python has no stdin")?
            .write_all(request.to_string().as_bytes())?;
        child.wait_with_output().context("cannot wait for Python")
    }
}

fn quantizer(config: &QuantizerConfig) -> Value {
    let mut value =
        json!({ "commitment": config.commitment, "usage": config.usage, "centre": config.centre });
    match config.kind {
        QuantizerKind::Vq => {
            (value["codes"], value["latent"]) = (json!(config.codes), json!(config.latent));
        }
        QuantizerKind::Fsq => value["levels"] = json!(config.levels),
    }
    value
}

/// A model of frames, by its config section: a tokenizer, or the common part of a LAM.
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

/// A training step with `batch` windows per micro-batch.
fn training(kind: &str, train: &TrainConfig, batch: usize, model: &Value) -> Value {
    json!({
        "kind": kind,
        "batch": batch,
        "micro_batches": train.accumulate,
        "optimizer": train.optimizer,
        "precision": train.precision,
        "model": model,
    })
}

impl PeerTask {
    /// A training step of a tokenizer.
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

    /// Encoding of `windows` windows per batch by a tokenizer.
    pub fn encode(config: &TokenizerConfig, size: (usize, usize), windows: usize) -> Self {
        Self(json!({ "kind": "encode", "batch": windows, "model": tokenizer(config, size) }))
    }

    /// A training step of a latent action model.
    pub fn lam(config: &LamConfig, size: (usize, usize)) -> Self {
        let mut model = model(&json!(config), &config.quantizer, size);
        model["pool"] = json!(config.pool);
        model["given"] = json!(config.given());
        model["pairs"] = json!(config.sees == LamSees::Pairs);
        model["change"] = json!(config.target == LamTarget::Change);
        let mut task = training("lam", &config.train, config.train.micro_batch(), &model);
        task["convolutions"] =
            json!((config.reads == LamReads::Convolution).then_some(&config.convolutions));
        Self(task)
    }

    /// A training step of a dynamics model on a tokenizer's tokens of frames of `size`.
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
            "columns": size.patches().1,
            "codes": tokenizer.quantizer.size(),
            "actions": actions,
            "prepend": config.action_mode == ActionMode::Prepend,
            "previous": config.previous_frame,
        });
        let mut task = training("dynamics", &config.train, config.train.micro_batch(), &model);
        task["masked"] = json!(config.masked_share());
        Self(task)
    }
}
