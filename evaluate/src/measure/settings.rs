//! The settings of a measurement.

use std::ops::Range;

use genie_training::EvaluateConfig;

/// Number of generated frames in which the motion of a held action is measured.
///
/// It is the paper's t = 4. After more frames, a held jump is also a fall.
pub const HOLD: usize = 4;

/// Largest number of latent actions that are held; more would make reports of large codebooks slow.
///
/// With 135 actions, held actions took 12 of 21 minutes of a report (2026-11-30, two cores of a
/// virtual machine).
pub const HELD_ACTIONS: usize = 16;

/// Largest number of windows whose frames are encoded again, for the signals of doubt.
///
/// For all 96 windows of the demo it takes a tenth of the time of the other work (2026-11-29, two
/// cores of a virtual machine).
pub const REENCODED: usize = 48;

/// Largest number of windows with pictures of held actions.
///
/// Each picture shows every held action, so these are the largest pictures of the page.
const HELD_SCENES: usize = 3;

/// The settings of a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Real frames given at the start of every rollout.
    pub prompt_frames: usize,
    /// Draws of random actions, and shuffles in time, for each window.
    pub samples: usize,
    /// Windows per batch.
    pub batch: usize,
    pub seed: u64,
    /// Number of windows whose frames are kept for the pictures.
    pub scenes: usize,
    /// Number of windows whose frames of the held actions are kept for the pictures.
    pub held: usize,
    /// Number of windows from which actions are held.
    pub starts: usize,
    /// Whether rollouts use true actions, because the dynamics model was trained with them.
    pub true_actions: bool,
}

impl Settings {
    /// Returns the settings of a config.
    ///
    /// `true_actions` says whether the dynamics model was trained with true actions.
    #[must_use]
    pub fn new(config: &EvaluateConfig, true_actions: bool) -> Settings {
        Settings {
            prompt_frames: config.prompt_frames,
            samples: config.samples,
            batch: config.batch,
            seed: config.seed,
            scenes: config.strips,
            held: config.strips.min(HELD_SCENES),
            starts: config.starts.max(config.strips.min(HELD_SCENES)),
            true_actions,
        }
    }

    /// Returns the units of work for some of the windows.
    ///
    /// A window has one unit for the tokenizer and the actions, and one for each rollout. A start
    /// has one more for its held actions.
    #[must_use]
    pub fn work(&self, windows: Range<usize>) -> usize {
        let starts = windows.end.min(self.starts).saturating_sub(windows.start);
        windows.len() * (2 + 2 * self.samples) + starts
    }

    /// Returns the positions of the windows of each batch.
    pub fn batches(&self, windows: usize) -> impl Iterator<Item = Range<usize>> {
        let size = self.batch;
        (0..windows).step_by(size).map(move |start| start..(start + size).min(windows))
    }

    /// Returns whether the scores of a batch are stored.
    ///
    /// A batch whose frames are in the pictures is not stored: a resumed run needs these frames
    /// again.
    #[must_use]
    pub fn keeps(&self, batch: &Range<usize>) -> bool {
        batch.start >= self.scenes
    }
}
