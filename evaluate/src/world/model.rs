//! The models under test, as the evaluation sees them.

use anyhow::Result;

use crate::world::batches::{ActionBatch, TokenBatch, VideoBatch};

/// A tokenizer, a latent action model and a dynamics model that belong together.
pub trait WorldModel {
    /// Number of codes the tokenizer has.
    fn codebook_size(&self) -> usize;
    /// Number of latent actions.
    fn num_actions(&self) -> usize;
    /// Pixels to tokens.
    ///
    /// # Errors
    /// When the frames do not fit the tokenizer, or its output is not finite.
    fn encode(&self, video: &VideoBatch) -> Result<TokenBatch>;
    /// Tokens to pixels.
    ///
    /// # Errors
    /// When the tokens do not fit the tokenizer, or its output is not finite.
    fn decode(&self, tokens: &TokenBatch) -> Result<VideoBatch>;
    /// The latent actions between neighbouring frames.
    ///
    /// # Errors
    /// When the frames do not fit the latent action model, or its output is not finite.
    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch>;
    /// Continues `prompt` to `actions.steps + 1` frames; the result begins with the prompt. The same `seed` draws the
    /// same noise for the same row, whatever the actions are: the arms of a comparison are paired by it.
    ///
    /// # Errors
    /// When the tokens do not fit the dynamics model, or its logits are not finite.
    fn rollout(&self, prompt: &TokenBatch, actions: &ActionBatch, seed: u64) -> Result<TokenBatch>;
}
