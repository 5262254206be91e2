//! `[evaluate]`: how much is measured, and how rollouts are sampled.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use genie_model::{I3dPreset, SamplerConfig, UnmaskOrder};
use genie_stage::config::Section;
use genie_training::check_device_name;
use serde::{Deserialize, Serialize};

use crate::measure::Settings;

/// `[evaluate]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluateConfig {
    /// Where the models run: `cpu` or `cuda[:n]`. Not part of the work key.
    pub device: String,
    /// Held-out windows to measure on, at most.
    pub windows: usize,
    /// Frames given at the start of each rollout.
    pub prompt_frames: usize,
    /// Draws of random actions, and of shuffles in time, for each window.
    pub samples: usize,
    /// Windows that go through the models at once.
    pub batch: usize,
    pub seed: u64,
    /// Unmasking steps a frame.
    pub steps: usize,
    /// Divides the logits before sampling; 0 takes the likeliest token.
    pub temperature: f32,
    /// Which tokens are set first: `random`, `confidence`, `greedy` or `entropy`.
    pub order: UnmaskOrder,
    /// Bound of the `entropy` order, in nats a step.
    pub entropy: f32,
    /// Windows from which each latent action is held, to see what it does.
    pub starts: usize,
    /// Windows to draw pictures of.
    pub strips: usize,
    /// Bootstrap draws for the intervals, and shuffles for the chance level of agreement.
    pub bootstrap: usize,
    /// A file with weights of I3D, for FVD; empty: none. Its content, not its place, is part of the work key.
    pub i3d: Utf8PathBuf,
    /// Whose way of computing FVD: `default`, `tf1-legacy`, `styleganv` or `videogpt`.
    pub i3d_preset: I3dPreset,
    /// A file with weights of LPIPS (alex); empty: none. Its content, not its place, is part of the work key.
    pub lpips: Utf8PathBuf,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            device: "cpu".into(),
            windows: 64,
            prompt_frames: 1,
            samples: 2,
            batch: 8,
            seed: 0,
            steps: 25,
            temperature: 1.0,
            order: UnmaskOrder::Confidence,
            entropy: 0.5,
            starts: 16,
            strips: 6,
            bootstrap: 1000,
            i3d: Utf8PathBuf::new(),
            i3d_preset: I3dPreset::Default,
            lpips: Utf8PathBuf::new(),
        }
    }
}

/// Files of weights on the command line, which go before the config's.
#[derive(Args, Debug)]
pub struct WeightsArgs {
    /// Weights of I3D for FVD, before the config's: a .pt or .safetensors file
    #[arg(long, global = true, value_name = "FILE")]
    i3d: Option<Utf8PathBuf>,
    /// Weights of LPIPS (alex), before the config's: a .pt or .safetensors file
    #[arg(long, global = true, value_name = "FILE")]
    lpips: Option<Utf8PathBuf>,
}

impl WeightsArgs {
    /// Puts them in the place of the config's.
    pub fn put(&self, config: &mut EvaluateConfig) {
        let places = [(&self.i3d, &mut config.i3d), (&self.lpips, &mut config.lpips)];
        for (given, place) in places {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
    }
}

impl Section for EvaluateConfig {
    const NAME: &'static str = "evaluate";

    fn check(&self) -> Result<(), String> {
        check_device_name(&self.device)?;
        let counts = [
            ("windows", self.windows),
            ("prompt_frames", self.prompt_frames),
            ("samples", self.samples),
            ("batch", self.batch),
            ("bootstrap", self.bootstrap),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} is 0: it must be at least 1"));
        }
        if self.samples > 255 {
            return Err(format!("samples is {}: at most 255 draws a window", self.samples));
        }
        self.sampler().check().map_err(|error| error.to_string())
    }
}

impl EvaluateConfig {
    /// How rollouts are sampled.
    #[must_use]
    pub fn sampler(&self) -> SamplerConfig {
        SamplerConfig {
            steps: self.steps,
            temperature: self.temperature,
            order: self.order,
            entropy: self.entropy,
            ..SamplerConfig::default()
        }
    }

    /// What is measured, of a model that was trained with true actions or with latent ones.
    #[must_use]
    pub fn settings(&self, true_actions: bool) -> Settings {
        /// Each holds every latent action, which makes its pictures the largest of the page.
        const HELD: usize = 3;
        Settings {
            prompt_frames: self.prompt_frames,
            samples: self.samples,
            batch: self.batch,
            seed: self.seed,
            scenes: self.strips,
            held: self.strips.min(HELD),
            starts: self.starts.max(self.strips.min(HELD)),
            true_actions,
        }
    }

    /// The file of I3D's weights, where there is one.
    #[must_use]
    pub fn i3d(&self) -> Option<&Utf8Path> {
        Some(self.i3d.as_path()).filter(|path| !path.as_str().is_empty())
    }

    /// The file of LPIPS's weights, where there is one.
    #[must_use]
    pub fn lpips(&self) -> Option<&Utf8Path> {
        Some(self.lpips.as_path()).filter(|path| !path.as_str().is_empty())
    }

    /// What the numbers depend on: not where they were computed, and not where weights lie.
    #[must_use]
    pub fn keyed(&self) -> EvaluateConfig {
        EvaluateConfig {
            device: String::new(),
            i3d: Utf8PathBuf::new(),
            lpips: Utf8PathBuf::new(),
            ..self.clone()
        }
    }
}
