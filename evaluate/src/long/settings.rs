//! The settings of long rollouts.

use genie_training::{EvaluateConfig, TrackedObject};

use crate::held_out::LongClip;
use crate::long::curve;
use crate::measure::Settings;

/// Largest number of clips from which each action is held for the whole length.
const HELD_STARTS: usize = 8;
/// Largest number of held rollouts, so that their time is bounded for any number of actions.
const HELD_ROLLOUTS: usize = 64;
/// Largest number of clips with a strip of pictures.
const STRIPS: usize = 3;

/// The settings of long rollouts.
#[derive(Debug, Clone)]
pub struct LongSettings {
    /// Real frames at the start of every rollout.
    pub prompt_frames: usize,
    /// Frames of a window of the models.
    pub window: usize,
    /// Largest number of frames of a rollout, its prompt included.
    pub longest: usize,
    /// Clips per batch.
    pub batch: usize,
    pub seed: u64,
    /// Largest number of clips from which actions go there and back.
    pub starts: usize,
    /// Number of clips with a strip of pictures.
    pub strips: usize,
    /// Whether rollouts use true actions, because the dynamics model was trained with them.
    pub true_actions: bool,
    /// Objects to search for.
    pub objects: Vec<TrackedObject>,
}

impl LongSettings {
    /// Returns the settings of a config, for models with windows of `window` frames.
    #[must_use]
    pub fn new(config: &EvaluateConfig, settings: &Settings, window: usize) -> LongSettings {
        LongSettings {
            prompt_frames: settings.prompt_frames,
            window,
            longest: config.long_frames,
            batch: settings.batch,
            seed: settings.seed,
            starts: config.starts,
            strips: config.strips.min(STRIPS),
            true_actions: settings.true_actions,
            objects: config.objects.clone(),
        }
    }

    /// Returns the settings without objects whose `videos` excludes all of `clips`.
    #[must_use]
    pub fn of_clips(mut self, clips: &[LongClip]) -> LongSettings {
        self.objects.retain(|object| clips.iter().any(|clip| object.is_in(&clip.window.name)));
        self
    }

    /// Returns the number of frames of a rollout of a clip of `frames` frames.
    #[must_use]
    pub fn frames(&self, frames: usize) -> usize {
        curve::usable(frames.min(self.longest))
    }

    /// Returns whether a clip is long enough, and has the actions that its rollout needs.
    #[must_use]
    pub fn fits(&self, clip: &LongClip) -> bool {
        let frames = self.frames(clip.frames);
        let has_actions = !self.true_actions || clip.window.truth.is_some();
        frames >= self.window && frames > self.prompt_frames && has_actions
    }

    /// Returns from how many of `clips` clips each of `codes` actions is held.
    #[must_use]
    pub fn held_starts(&self, clips: usize, codes: usize) -> usize {
        if self.objects.is_empty() {
            return 0;
        }
        let most = (HELD_ROLLOUTS / codes.max(1)).max(1);
        self.starts.min(HELD_STARTS).min(most).min(clips)
    }
}
