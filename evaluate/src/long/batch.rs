//! Clips of one batch: real frames, inferred actions, reconstructions, and rollouts.
//!
//! The tokenizer and the latent action model read a long clip window by window. A rollout is longer
//! than a window: the window of the dynamics model slides.

use anyhow::Result;

use crate::held_out::{HeldOutWindow, LongClip};
use crate::long::settings::LongSettings;
use crate::measure::true_actions;
use crate::random::long_sampler_seed;
use crate::world::{ActionBatch, Checked, TokenBatch, VideoBatch};

/// Clips of one batch.
pub struct LongBatch<'a> {
    pub model: &'a Checked<'a>,
    pub settings: &'a LongSettings,
    /// Position of the first clip in the list of all clips.
    pub first: usize,
    pub clips: &'a [LongClip],
    /// `[batch, frames, height, width, 3]`; at least a window.
    pub real: VideoBatch,
}

impl LongBatch<'_> {
    /// Returns the tokens of the prompt, and the actions that lead to each frame but the first.
    ///
    /// Actions are inferred as in play: the first window begins with the prompt, and the next one
    /// begins with the last frame of the one before. The last window ends with the clip.
    ///
    /// # Errors
    /// Fails if the models do not fit the clips, or if true actions are needed and missing.
    pub fn inputs(&self) -> Result<(TokenBatch, ActionBatch)> {
        let window = self.settings.window;
        let tokens = self.model.encode(&self.real.prefix(window))?;
        let prompt = tokens.prefix(self.settings.prompt_frames);
        let steps = self.real.frames - 1;
        if self.settings.true_actions {
            let windows: Vec<&HeldOutWindow> = self.clips.iter().map(|clip| &clip.window).collect();
            return Ok((prompt, true_actions(&windows, steps, self.model.0.num_actions())?));
        }
        let mut actions: Vec<Vec<u8>> = vec![Vec::new(); self.real.batch];
        while actions[0].len() < steps {
            let known = actions[0].len();
            let start = known.min(self.real.frames - window);
            let inferred = self.model.infer_actions(&self.real.between(start, window))?;
            for (b, actions) in actions.iter_mut().enumerate() {
                actions.extend_from_slice(&inferred.window(b)[known - start..]);
            }
        }
        Ok((prompt, ActionBatch { batch: self.real.batch, steps, data: actions.concat() }))
    }

    /// Encodes and decodes every window of the clips.
    ///
    /// # Errors
    /// Fails if the tokenizer does not fit the clips.
    pub fn reconstructed(&self) -> Result<VideoBatch> {
        let (window, len) = (self.settings.window, self.real.frame_len());
        let mut clips: Vec<Vec<u8>> = vec![Vec::new(); self.real.batch];
        while clips[0].len() < self.real.frames * len {
            let known = clips[0].len() / len;
            let start = known.min(self.real.frames - window);
            let real = self.real.between(start, window);
            let decoded = self.model.decode(&self.model.encode(&real)?, &real)?;
            for (b, clip) in clips.iter_mut().enumerate() {
                clip.extend_from_slice(&decoded.clip(b)[(known - start) * len..]);
            }
        }
        Ok(VideoBatch { data: clips.concat(), ..self.real })
    }

    /// Continues the prompt of every clip with its actions.
    ///
    /// # Errors
    /// Fails if the models do not fit the clips.
    pub fn rollout(&self, prompt: &TokenBatch, actions: &ActionBatch) -> Result<VideoBatch> {
        let seeds: Vec<u64> = (0..prompt.batch).map(|b| self.seed(b)).collect();
        self.play(prompt, actions, &seeds)
    }

    /// Continues prompts with actions and seeds; each has its own row.
    ///
    /// # Errors
    /// Fails if the models do not fit the clips.
    pub fn play(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
        seeds: &[u64],
    ) -> Result<VideoBatch> {
        let tokens = self.model.rollout(prompt, actions, seeds)?.tokens;
        self.model.decode(&tokens, &self.real)
    }

    /// Returns the sampler seed of clip `b`, which all its rollouts share.
    #[must_use]
    pub fn seed(&self, b: usize) -> u64 {
        long_sampler_seed(self.settings.seed, self.first + b)
    }
}
