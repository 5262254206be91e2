//! The files of a checkpoint, its `state.json`, and the checkpoints of a run.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::ModelError;

pub const WEIGHTS: &str = "model.safetensors";
pub const AVERAGE: &str = "average.safetensors";
pub const OPTIMIZER: &str = "optimizer.bin";
pub const STATE: &str = "state.json";
/// Version of the format of a checkpoint.
pub const FORMAT: u32 = 3;

/// The content of `state.json`.
#[derive(Serialize, Deserialize)]
pub struct State {
    pub format: u32,
    /// Number of training steps done.
    pub step: usize,
    /// First logged loss of the run, which the divergence limit comes from.
    ///
    /// Checkpoints of older programs lack it. A run that resumes from one of them takes its next
    /// logged loss instead.
    #[serde(default)]
    pub first_loss: Option<f32>,
    /// Burn's identifier of each parameter, in visiting order: the key of the optimizer's moments.
    pub parameters: Vec<u64>,
    /// Name and BLAKE3 hash of each other file.
    pub hashes: Vec<(String, String)>,
}

impl State {
    /// Reads and checks the state of the checkpoint `path`, and the hashes of `files`.
    ///
    /// # Errors
    /// If the state or one of the files is missing or damaged, or has another format.
    pub fn read(path: &Utf8Path, files: &[&str]) -> Result<Self, ModelError> {
        let state_path = path.join(STATE);
        let bytes = fs::read(&state_path).map_err(ModelError::io("read", &state_path))?;
        let state: Self = serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::checkpoint(&state_path, error))?;
        if state.format != FORMAT {
            return Err(ModelError::checkpoint(
                path,
                format!(
                    "the checkpoint has format {}, and this program reads format {FORMAT}; train \
                     again, or use the program that wrote it",
                    state.format
                ),
            ));
        }
        for (name, expected) in
            state.hashes.iter().filter(|(name, _)| files.contains(&name.as_str()))
        {
            let file = path.join(name);
            if genie_durable::hash_file(&file)? != *expected {
                return Err(ModelError::checkpoint(
                    file,
                    "the file is damaged: its hash is not the one in state.json; delete this \
                     checkpoint's directory to resume from an older one",
                ));
            }
        }
        Ok(state)
    }

    /// Whether the checkpoint has this file.
    pub fn holds(&self, file: &str) -> bool {
        self.hashes.iter().any(|(name, _)| name == file)
    }
}

/// The steps of a run's complete checkpoints, oldest first.
pub fn steps(run: &Utf8Path) -> Vec<usize> {
    let Ok(entries) = run.read_dir_utf8() else { return Vec::new() };
    let mut steps: Vec<usize> = entries
        .flatten()
        .filter(|entry| entry.path().join(STATE).is_file())
        .filter_map(|entry| entry.file_name().strip_prefix("step-")?.parse().ok())
        .collect();
    steps.sort_unstable();
    steps
}

/// The training step of a run's newest complete checkpoint.
pub fn latest_step(run: &Utf8Path) -> Option<usize> {
    steps(run).pop()
}

/// The directory of a run's checkpoint.
pub fn directory(run: &Utf8Path, step: usize) -> Utf8PathBuf {
    run.join(format!("step-{step}"))
}
