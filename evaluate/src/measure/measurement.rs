//! What a measurement returns: scores of all windows, and frames of some windows for pictures.

use genie_shards::WindowScores;

use crate::world::VideoBatch;

/// Frames of one window, for the report's pictures.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Position in the list of windows.
    pub window: usize,
    pub latent: Vec<u8>,
    pub real: VideoBatch,
    pub reconstructed: VideoBatch,
    pub inferred: VideoBatch,
    pub random: VideoBatch,
    /// One rollout for each held action, from the same prompt, with that action at every step.
    ///
    /// `None` for most scenes.
    pub held: Option<VideoBatch>,
}

/// The results of all windows.
#[derive(Debug, Clone)]
pub struct Measurement {
    pub frames: usize,
    pub height: usize,
    pub width: usize,
    /// How often each tokenizer code occurs.
    pub token_counts: Vec<u64>,
    /// How often each latent action occurs.
    pub action_counts: Vec<u64>,
    /// The latent actions that are held, in the order of their numbers.
    pub held_actions: Vec<usize>,
    pub scores: Vec<WindowScores>,
    pub scenes: Vec<Scene>,
}

impl Measurement {
    /// Adds the scores of the next window.
    pub fn add(&mut self, scores: WindowScores) {
        let codes = self.token_counts.iter_mut().zip(&scores.token_counts);
        codes.for_each(|(sum, &count)| *sum += u64::from(count));
        self.scores.push(scores);
    }
}
