//! The trait of the models under test.

use anyhow::Result;

use crate::world::batches::{ActionBatch, Continuation, TokenBatch, VideoBatch};

/// A tokenizer, a latent action model and a dynamics model that belong together.
pub trait WorldModel {
    /// Returns the number of codes of the tokenizer.
    fn codebook_size(&self) -> usize;
    /// Returns the number of latent actions.
    fn num_actions(&self) -> usize;
    /// Encodes frames as tokens.
    ///
    /// # Errors
    /// Fails if the frames do not fit the tokenizer, or if its output is not finite.
    fn encode(&self, video: &VideoBatch) -> Result<TokenBatch>;
    /// Decodes tokens to frames; clips may be longer than a window.
    ///
    /// # Errors
    /// Fails if the tokens do not fit the tokenizer, or if its output is not finite.
    fn decode(&self, tokens: &TokenBatch) -> Result<VideoBatch>;
    /// Infers the latent actions between neighbouring frames.
    ///
    /// # Errors
    /// Fails if the frames do not fit the latent action model, or if its output is not finite.
    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch>;
    /// Continues `prompt` to `actions.steps + 1` frames; the result begins with the prompt.
    ///
    /// `seeds` has one seed for each row. A row depends on its own prompt, actions and seed, and on
    /// nothing else in the batch. The same seed gives the same noise for any actions. This pairs
    /// the arms of a comparison.
    ///
    /// # Errors
    /// Fails if the tokens do not fit the dynamics model, or if its logits are not finite.
    fn rollout(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
        seeds: &[u64],
    ) -> Result<Continuation>;
}
