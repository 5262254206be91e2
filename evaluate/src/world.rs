//! What the evaluation asks of the models under test, and nothing more.
//!
//! The statistics and the report know neither Burn nor a checkpoint: they see a [`WorldModel`], a tokenizer, a latent
//! action model and a dynamics model behind five methods. The tests put a toy world there whose true values are known;
//! the binary puts the trained models there (`trained.rs`).
//!
//! [`Checked`] stands between: it refuses outputs of the wrong shape, codes out of range and a rollout that rewrites
//! its prompt, so that a checkpoint which does not fit ends in a clear error and not in a wrong number.

use anyhow::{Context, Result, ensure};

/// RGB frames of several clips of the same length: `[batch, frames, height, width, 3]`, 8 bits, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    pub batch: usize,
    pub frames: usize,
    pub height: usize,
    pub width: usize,
    pub data: Vec<u8>,
}

impl Video {
    /// Bytes of one frame.
    #[must_use]
    pub fn frame_len(&self) -> usize {
        self.height * self.width * 3
    }

    /// All frames of clip `b`.
    #[must_use]
    pub fn clip(&self, b: usize) -> &[u8] {
        let len = self.frames * self.frame_len();
        &self.data[b * len..(b + 1) * len]
    }

    /// Frame `t` of clip `b`.
    #[must_use]
    pub fn frame(&self, b: usize, t: usize) -> &[u8] {
        let len = self.frame_len();
        &self.clip(b)[t * len..(t + 1) * len]
    }

    /// Clip `b` alone.
    #[must_use]
    pub fn single(&self, b: usize) -> Video {
        Video { batch: 1, data: self.clip(b).to_vec(), ..*self }
    }
}

/// Tokens of several windows: `[batch, frames, per_frame]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    pub batch: usize,
    pub frames: usize,
    pub per_frame: usize,
    pub data: Vec<u16>,
}

impl Tokens {
    /// Tokens of window `b`.
    #[must_use]
    pub fn window(&self, b: usize) -> &[u16] {
        let len = self.frames * self.per_frame;
        &self.data[b * len..(b + 1) * len]
    }

    /// The first `frames` frames of every window.
    #[must_use]
    pub fn prefix(&self, frames: usize) -> Tokens {
        let data = (0..self.batch)
            .flat_map(|b| &self.window(b)[..frames * self.per_frame])
            .copied()
            .collect();
        Tokens { batch: self.batch, frames, per_frame: self.per_frame, data }
    }

    /// Window `b`, `times` times over.
    #[must_use]
    pub fn repeat(&self, b: usize, times: usize) -> Tokens {
        Tokens { batch: times, data: self.window(b).repeat(times), ..*self }
    }
}

/// Latent actions of several windows: `[batch, frames - 1]`. Entry `t` lies between frame `t` and frame `t + 1` and so
/// conditions frame `t + 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actions {
    pub batch: usize,
    pub steps: usize,
    pub data: Vec<u8>,
}

impl Actions {
    /// The actions of window `b`.
    #[must_use]
    pub fn window(&self, b: usize) -> &[u8] {
        &self.data[b * self.steps..(b + 1) * self.steps]
    }
}

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
    fn encode(&self, video: &Video) -> Result<Tokens>;
    /// Tokens to pixels.
    ///
    /// # Errors
    /// When the tokens do not fit the tokenizer, or its output is not finite.
    fn decode(&self, tokens: &Tokens) -> Result<Video>;
    /// The latent actions between neighbouring frames.
    ///
    /// # Errors
    /// When the frames do not fit the latent action model, or its output is not finite.
    fn infer_actions(&self, video: &Video) -> Result<Actions>;
    /// Continues `prompt` to `actions.steps + 1` frames; the result begins with the prompt. The same `seed` draws the
    /// same noise for the same row, whatever the actions are: the arms of a comparison are paired by it.
    ///
    /// # Errors
    /// When the tokens do not fit the dynamics model, or its logits are not finite.
    fn rollout(&self, prompt: &Tokens, actions: &Actions, seed: u64) -> Result<Tokens>;
}

/// A world model whose every answer is checked.
pub struct Checked<'a>(pub &'a dyn WorldModel);

impl Checked<'_> {
    /// See [`WorldModel::encode`].
    ///
    /// # Errors
    /// The model's own, or an answer that does not fit the question.
    pub fn encode(&self, video: &Video) -> Result<Tokens> {
        let tokens = self.0.encode(video).context("the tokenizer could not encode a window")?;
        ensure!(
            tokens.batch == video.batch && tokens.frames == video.frames,
            "the tokenizer returned tokens of {}×{} frames for {}×{}; it was trained on windows of another length: \
             evaluate with the models of one run",
            tokens.batch,
            tokens.frames,
            video.batch,
            video.frames,
        );
        self.in_codebook(&tokens, "the tokenizer")?;
        Ok(tokens)
    }

    /// See [`WorldModel::decode`].
    ///
    /// # Errors
    /// The model's own, or frames of another size than `like`.
    pub fn decode(&self, tokens: &Tokens, like: &Video) -> Result<Video> {
        let video = self.0.decode(tokens).context("the tokenizer could not decode tokens")?;
        let (got, expected) = ((video.height, video.width), (like.height, like.width));
        ensure!(
            got == expected
                && video.frames == tokens.frames
                && video.batch == tokens.batch
                && video.data.len() == video.batch * video.frames * video.frame_len(),
            "the tokenizer decodes to {}×{} frames of {}×{} pixels, but the clips have {}×{}: it was fitted on other clips; \
             fit it again, or point [data] root at its own",
            video.batch,
            video.frames,
            got.1,
            got.0,
            expected.1,
            expected.0,
        );
        Ok(video)
    }

    /// See [`WorldModel::infer_actions`].
    ///
    /// # Errors
    /// The model's own, or an answer that does not fit the question.
    pub fn infer_actions(&self, video: &Video) -> Result<Actions> {
        let actions = self
            .0
            .infer_actions(video)
            .context("the latent action model could not read a window")?;
        ensure!(
            actions.batch == video.batch
                && actions.steps + 1 == video.frames
                && actions.data.len() == actions.batch * actions.steps,
            "the latent action model returned {}×{} actions for {}×{} frames; expected one between each two frames",
            actions.batch,
            actions.steps,
            video.batch,
            video.frames,
        );
        let known = self.0.num_actions();
        if let Some(bad) = actions.data.iter().find(|&&a| usize::from(a) >= known) {
            anyhow::bail!("the latent action model returned action {bad}, but it has only {known}");
        }
        Ok(actions)
    }

    /// See [`WorldModel::rollout`].
    ///
    /// # Errors
    /// The model's own, or an answer that does not fit the question.
    pub fn rollout(&self, prompt: &Tokens, actions: &Actions, seed: u64) -> Result<Tokens> {
        let tokens = self
            .0
            .rollout(prompt, actions, seed)
            .context("the dynamics model could not continue a window")?;
        ensure!(
            tokens.batch == prompt.batch
                && tokens.frames == actions.steps + 1
                && tokens.per_frame == prompt.per_frame,
            "the dynamics model returned {}×{}×{} tokens, expected {}×{}×{}: it was trained for another tokenizer; \
             train it on this tokenizer's tokens",
            tokens.batch,
            tokens.frames,
            tokens.per_frame,
            prompt.batch,
            actions.steps + 1,
            prompt.per_frame,
        );
        ensure!(
            tokens.prefix(prompt.frames) == *prompt,
            "the dynamics model changed the frames it was given as a prompt; its rollouts cannot be compared with the clip",
        );
        self.in_codebook(&tokens, "the dynamics model")?;
        Ok(tokens)
    }

    fn in_codebook(&self, tokens: &Tokens, who: &str) -> Result<()> {
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
                "{who} returned token {bad}, but the codebook has {size} codes: tokenizer and dynamics do not belong together"
            ),
            None => Ok(()),
        }
    }
}
