//! Checks of every answer of a world model.

use anyhow::{Context, Result, ensure};

use crate::world::batches::{ActionBatch, Continuation, TokenBatch, VideoBatch};
use crate::world::model::WorldModel;

/// A world model with checks of every answer.
pub struct Checked<'a>(pub &'a dyn WorldModel);

impl Checked<'_> {
    /// Calls [`WorldModel::encode`] and checks the tokens.
    ///
    /// # Errors
    /// Fails if the model fails, or if the tokens have a wrong shape or are outside the codebook.
    pub fn encode(&self, video: &VideoBatch) -> Result<TokenBatch> {
        let tokens = self.0.encode(video).context("the tokenizer cannot encode a window")?;
        ensure!(
            tokens.batch == video.batch && tokens.frames == video.frames,
            "the tokenizer returned tokens of {}×{} frames for {}×{} frames; it was trained on \
             windows of another length: evaluate with the models of one run",
            tokens.batch,
            tokens.frames,
            video.batch,
            video.frames,
        );
        self.in_codebook(&tokens, "the tokenizer")?;
        Ok(tokens)
    }

    /// Calls [`WorldModel::decode`] and checks that the frames have the size of `like`.
    ///
    /// # Errors
    /// Fails if the model fails, or if the frames have another shape.
    pub fn decode(&self, tokens: &TokenBatch, like: &VideoBatch) -> Result<VideoBatch> {
        let video = self.0.decode(tokens).context("the tokenizer cannot decode tokens")?;
        let (got, expected) = ((video.height, video.width), (like.height, like.width));
        ensure!(
            got == expected
                && video.frames == tokens.frames
                && video.batch == tokens.batch
                && video.data.len() == video.batch * video.frames * video.frame_len(),
            "the tokenizer decodes to {}×{} frames of {}×{} pixels, but the clips have {}×{} \
             pixels: it was fitted on other clips; fit it again, or point [data] root at its own \
             clips",
            video.batch,
            video.frames,
            got.1,
            got.0,
            expected.1,
            expected.0,
        );
        Ok(video)
    }

    /// Calls [`WorldModel::infer_actions`] and checks the actions.
    ///
    /// # Errors
    /// Fails if the model fails, or if the actions have a wrong shape or are out of range.
    pub fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch> {
        let actions = self
            .0
            .infer_actions(video)
            .context("the latent action model cannot infer the actions of a window")?;
        ensure!(
            actions.batch == video.batch
                && actions.steps + 1 == video.frames
                && actions.data.len() == actions.batch * actions.steps,
            "the latent action model returned {}×{} actions for {}×{} frames; expected one action \
             between each two frames",
            actions.batch,
            actions.steps,
            video.batch,
            video.frames,
        );
        let known = self.0.num_actions();
        if let Some(bad) = actions.data.iter().find(|&&a| usize::from(a) >= known) {
            anyhow::bail!(
                "the latent action model returned action {bad}, but it has only {known} actions"
            );
        }
        Ok(actions)
    }

    /// Calls [`WorldModel::rollout`] and checks the tokens.
    ///
    /// # Errors
    /// Fails if the model fails, if tokens or entropies have a wrong shape, if tokens are outside
    /// the codebook, or if they do not begin with the prompt.
    pub fn rollout(
        &self,
        prompt: &TokenBatch,
        actions: &ActionBatch,
        seeds: &[u64],
    ) -> Result<Continuation> {
        let found = self
            .0
            .rollout(prompt, actions, seeds)
            .context("the dynamics model cannot continue a window")?;
        let Continuation { tokens, entropy } = &found;
        ensure!(
            tokens.batch == prompt.batch
                && tokens.frames == actions.steps + 1
                && tokens.per_frame == prompt.per_frame,
            "the dynamics model returned {}×{}×{} tokens, expected {}×{}×{}: it was trained for \
             another tokenizer; train it on the tokens of this tokenizer",
            tokens.batch,
            tokens.frames,
            tokens.per_frame,
            prompt.batch,
            actions.steps + 1,
            prompt.per_frame,
        );
        ensure!(
            tokens.prefix(prompt.frames) == *prompt,
            "the dynamics model changed the frames of its prompt, so its rollouts cannot be \
             compared with the clip",
        );
        let generated = tokens.batch * (tokens.frames - prompt.frames);
        ensure!(
            (entropy.is_empty() || entropy.len() == generated)
                && entropy.iter().all(|entropy| entropy.is_finite()),
            "the dynamics model returned {} entropies of {generated} generated frames, or one that \
             is not finite",
            entropy.len(),
        );
        self.in_codebook(tokens, "the dynamics model")?;
        Ok(found)
    }

    fn in_codebook(&self, tokens: &TokenBatch, who: &str) -> Result<()> {
        ensure!(
            tokens.data.len() == tokens.batch * tokens.frames * tokens.per_frame,
            "{who} returned {} tokens, expected {}×{}×{}",
            tokens.data.len(),
            tokens.batch,
            tokens.frames,
            tokens.per_frame,
        );
        let size = self.0.codebook_size();
        match tokens.data.iter().find(|&&token| usize::from(token) >= size) {
            Some(bad) => anyhow::bail!(
                "{who} returned token {bad}, but the codebook has {size} codes: the tokenizer and \
                 the dynamics model do not belong together"
            ),
            None => Ok(()),
        }
    }
}
