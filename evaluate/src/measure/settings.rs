//! What is measured, and how much of it.

use std::ops::Range;

/// How many frames of a held action are looked at for motion: the paper's t = 4. Longer, and a held jump is a fall, too.
pub const HOLD: usize = 4;

/// What is measured, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Frames given at the start of every rollout.
    pub prompt_frames: usize,
    /// Draws of random actions, and of shuffles in time.
    pub samples: usize,
    /// Windows that go through the models at once.
    pub batch: usize,
    pub seed: u64,
    /// Of how many windows to keep the frames.
    pub scenes: usize,
    /// For how many windows to keep the frames of each latent action held.
    pub held: usize,
    /// From how many windows to hold each latent action.
    pub starts: usize,
    /// Whether rollouts are led by the actions that were played, for a model that was trained with those.
    pub true_actions: bool,
}

impl Settings {
    /// Units of work for some of the windows: one for tokenizer and actions, one for each rollout, and one for the held actions of each
    /// start.
    #[must_use]
    pub fn work(&self, windows: Range<usize>) -> usize {
        let starts = windows.end.min(self.starts).saturating_sub(windows.start);
        windows.len() * (2 + 2 * self.samples) + starts
    }

    /// Positions of the windows that go through the models together.
    pub fn batches(&self, windows: usize) -> impl Iterator<Item = Range<usize>> {
        let size = self.batch;
        (0..windows).step_by(size).map(move |start| start..(start + size).min(windows))
    }

    /// Whether the scores are all there is to keep of a batch: pictures need its frames.
    #[must_use]
    pub fn keeps(&self, batch: &Range<usize>) -> bool {
        batch.start >= self.scenes
    }
}
