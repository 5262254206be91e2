//! The `[evaluate]` section: how much is measured, and how rollouts are sampled.

use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};
use genie_model::{I3dPreset, SamplerConfig, UnmaskOrder};
use genie_stage::config::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::models::check_device_name;
use crate::sampling::objects::TrackedObject;

/// How much is measured on held-out videos, and how rollouts are sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvaluateConfig {
    /// Where the models run: `cpu`, `cuda`, or `cuda:1` with the number of the GPU.
    ///
    /// It is not part of the work key.
    pub device: String,
    /// Largest number of held-out windows to measure, at least 1.
    pub windows: usize,
    /// Number of real frames at the start of each rollout, at least 1.
    pub prompt_frames: usize,
    /// Number of draws of random actions, and of shuffles in time, for each window, from 1 to 255.
    pub samples: usize,
    /// Number of windows per batch, at least 1; fewer need less memory.
    pub batch: usize,
    /// Seed of every random choice of the measurement.
    pub seed: u64,
    /// Number of unmasking steps for each generated frame, at least 1 (the paper: 25).
    pub steps: usize,
    /// Divisor of the logits before sampling (the paper: 2); 0 takes the most likely token.
    pub temperature: f32,
    /// Order in which the tokens of a frame are unmasked.
    pub order: UnmaskOrder,
    /// Largest sum of entropies that the `entropy` order unmasks in one step, in nats, at least 0.
    pub entropy: f32,
    /// Number of windows from which latent actions are held, to measure their effects.
    ///
    /// These are the actions that occur in the measured windows, at most the 16 most frequent ones.
    pub starts: usize,
    /// Largest number of held-out clips for long rollouts, one for each source; 0 for none.
    pub long: usize,
    /// Largest number of frames of a long rollout, at least 2, its prompt included.
    pub long_frames: usize,
    /// Number of windows for which the report has pictures.
    pub strips: usize,
    /// Number of bootstrap draws for the intervals, and of shuffles for the chance levels.
    pub bootstrap: usize,
    /// Largest number of held-out windows on which agreement and its ceiling are measured.
    ///
    /// At least 1. They are chosen among the windows with true actions, in the same order as
    /// `windows`. They need no rollouts, so there may be many more of them.
    pub agreement_windows: usize,
    /// Number of training steps of each network that measures the ceiling of agreement; 0: none.
    ///
    /// Three networks learn the true actions from training clips, once for each dataset. More steps
    /// give a higher ceiling. 600 steps take about half a minute for each at 32×32 pixels, on two
    /// cores.
    pub ceiling_steps: usize,
    /// Side in pixels of the square in the middle of a frame that these networks see; 0: the frame.
    ///
    /// Set it for a game whose camera keeps the player in the middle. The square shows the player
    /// and hides most of the scenery, so the same number of steps gives a higher ceiling.
    pub ceiling_middle: usize,
    /// Lists of names of true actions that have the same effect, so that each list counts as one.
    ///
    /// For example `[["noop", "down"]]`. All other names stay alone. Only `ceiling` in the report
    /// uses it.
    pub same_keys: Vec<Vec<String>>,
    /// Lists of names of true actions for a coarser division, which `ceiling` shows in addition.
    ///
    /// For example left, none and right. A list of `same_keys` must not be divided. Empty: none.
    pub directions: Vec<Vec<String>>,
    /// File with I3D weights for FVD (.pt or .safetensors); empty for none.
    ///
    /// The work key contains a hash of the file's content, not its path.
    #[schemars(with = "String")]
    pub i3d: Utf8PathBuf,
    /// Published FVD code whose numbers the report has.
    pub i3d_preset: I3dPreset,
    /// File with LPIPS (alex) weights (.pt or .safetensors); empty for none.
    ///
    /// The work key contains a hash of the file's content, not its path.
    #[schemars(with = "String")]
    pub lpips: Utf8PathBuf,
    /// Objects of the game that long rollouts are searched for; empty for none.
    ///
    /// Each table `[[evaluate.objects]]` has six keys: `name`, the object's name in the report;
    /// `videos`, the start of the file names of the videos that show it, empty for all videos;
    /// `colours`, a list of RGB colours from 0 to 255, of which a recording has one; `tolerance`,
    /// the largest difference of each channel from a colour, from 0 to 255; `pixels`, the smallest
    /// and the largest number of connected pixels of one whole object; `within`, the largest
    /// distance from the recorded object that still counts as the same place, in pixels.
    pub objects: Vec<TrackedObject>,
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
            long: 16,
            long_frames: 160,
            strips: 6,
            bootstrap: 1000,
            agreement_windows: 1024,
            ceiling_steps: 600,
            ceiling_middle: 0,
            same_keys: Vec::new(),
            directions: Vec::new(),
            i3d: Utf8PathBuf::new(),
            i3d_preset: I3dPreset::Default,
            lpips: Utf8PathBuf::new(),
            objects: Vec::new(),
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
            ("agreement_windows", self.agreement_windows),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} is 0; set it to at least 1"));
        }
        if self.samples > 255 {
            return Err(format!("samples is {}; set it to at most 255", self.samples));
        }
        if self.long > 0 && self.long_frames <= self.prompt_frames {
            return Err(format!(
                "long_frames is {}, so a long rollout has only its prompt; set it above \
                 prompt_frames, or set long to 0",
                self.long_frames
            ));
        }
        for object in &self.objects {
            object.check()?;
        }
        check_lists("same_keys", &self.same_keys)?;
        check_lists("directions", &self.directions)?;
        let direction = |name: &String| self.directions.iter().position(|list| list.contains(name));
        let divided =
            |list: &&Vec<String>| list.iter().any(|name| direction(name) != direction(&list[0]));
        if let Some(list) = self.same_keys.iter().find(divided) {
            return Err(format!(
                "directions divides {list:?}, which same_keys counts as one; put all of these \
                 names into one list of directions, or none of them"
            ));
        }
        self.sampler().check().map_err(|error| error.to_string())
    }
}

/// Checks that no list is empty, and that no name is listed twice.
fn check_lists(key: &str, lists: &[Vec<String>]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for list in lists {
        if list.is_empty() {
            return Err(format!("{key} has an empty list; remove it"));
        }
        if let Some(name) = list.iter().find(|name| !seen.insert(name.as_str())) {
            return Err(format!("{key} has `{name}` twice; remove one of them"));
        }
    }
    Ok(())
}

impl EvaluateConfig {
    /// The sampler's settings.
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

    /// The file with I3D weights, if one is configured.
    #[must_use]
    pub fn i3d(&self) -> Option<&Utf8Path> {
        Some(self.i3d.as_path()).filter(|path| !path.as_str().is_empty())
    }

    /// The file with LPIPS weights, if one is configured.
    #[must_use]
    pub fn lpips(&self) -> Option<&Utf8Path> {
        Some(self.lpips.as_path()).filter(|path| !path.as_str().is_empty())
    }

    /// The part of the config that enters the work key.
    ///
    /// The device and the paths of the weight files are not included: the numbers do not depend on
    /// them.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with(same: &[&[&str]], directions: &[&[&str]]) -> Result<(), String> {
        let lists = |lists: &[&[&str]]| {
            lists.iter().map(|list| list.iter().map(ToString::to_string).collect()).collect()
        };
        let (same_keys, directions) = (lists(same), lists(directions));
        EvaluateConfig { same_keys, directions, ..EvaluateConfig::default() }.check()
    }

    /// Catches: a key counts in two lists, so that its class depends on their order; directions
    /// divide what counts as one key.
    #[test]
    fn every_key_has_one_class() {
        assert_eq!(with(&[&["left", "a"]], &[&["left", "a", "jump left"], &["right"]]), Ok(()));
        assert_eq!(with(&[&["left", "a"]], &[&["right"]]), Ok(()));
        let message =
            |same: &[&[&str]], directions: &[&[&str]]| with(same, directions).unwrap_err();
        assert!(message(&[&["left", "a"], &["a"]], &[]).contains("`a` twice"));
        assert!(message(&[&["left"], &[]], &[]).contains("empty list"));
        assert!(message(&[], &[&["left"], &["left"]]).contains("`left` twice"));
        assert!(message(&[&["left", "a"]], &[&["left"]]).contains("divides"));
        assert!(message(&[&["left", "a"]], &[&["left"], &["a"]]).contains("divides"));
    }
}
