//! The trained models as a [`WorldModel`].

use anyhow::{Context, Result, ensure};
use genie_model::{ActionSource, Device, Dynamics, SamplerConfig, Tokenizer};
use genie_training::{ActionLabeller, Chain};

use crate::world::{ActionBatch, TokenBatch, VideoBatch, WorldModel};

/// Tokenizer, latent action model and dynamics model of one lineage.
pub struct Trained {
    tokenizer: Tokenizer,
    labeller: ActionLabeller,
    dynamics: Dynamics,
    sampler: SamplerConfig,
}

impl Trained {
    /// Loads the models of a config's chain of steps.
    ///
    /// # Errors
    /// Fails if a model is missing, damaged, or does not fit the others.
    pub fn load(models: &Chain, sampler: SamplerConfig, device: Device) -> Result<Trained> {
        let tokenizer = Tokenizer::load(models.tokenizer.path(), &device)
            .context("cannot load the tokenizer")?;
        let labeller = ActionLabeller::load(models, &device)?;
        let dynamics = Dynamics::load(models.dynamics.path(), &device)
            .context("cannot load the dynamics model")?;
        let (rows, columns) = tokenizer.grid();
        ensure!(
            (dynamics.positions(), dynamics.codebook_size())
                == (rows * columns, tokenizer.codebook_size()),
            "dynamics model {} was trained on {} tokens per frame of {} codes, but tokenizer {} \
             has {} tokens of {} codes: they do not belong together; train the dynamics model on \
             this tokenizer's tokens",
            models.dynamics.key(),
            dynamics.positions(),
            dynamics.codebook_size(),
            models.tokenizer.key(),
            rows * columns,
            tokenizer.codebook_size(),
        );
        ensure!(
            dynamics.actions() == ActionSource::True
                || dynamics.num_actions() == labeller.num_actions(),
            "dynamics model {} has {} latent actions, but latent action model {} has {}: they do \
             not belong together; train the dynamics model with this latent action model",
            models.dynamics.key(),
            dynamics.num_actions(),
            models.lam.key(),
            labeller.num_actions(),
        );
        Ok(Trained { tokenizer, labeller, dynamics, sampler })
    }

    /// Returns height and width of the frames that the models expect.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.tokenizer.size()
    }

    /// Returns whether the dynamics model was trained with true actions, not with latent ones.
    #[must_use]
    pub fn takes_true_actions(&self) -> bool {
        self.dynamics.actions() == ActionSource::True
    }

    /// Returns the number of frames of a window.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.tokenizer.frames().min(self.dynamics.frames())
    }
}

impl WorldModel for Trained {
    fn codebook_size(&self) -> usize {
        self.tokenizer.codebook_size()
    }

    fn num_actions(&self) -> usize {
        self.dynamics.num_actions()
    }

    fn encode(&self, video: &VideoBatch) -> Result<TokenBatch> {
        let (rows, columns) = self.tokenizer.grid();
        let data = self.tokenizer.encode(&video.data)?;
        Ok(TokenBatch { batch: video.batch, frames: video.frames, per_frame: rows * columns, data })
    }

    fn decode(&self, tokens: &TokenBatch) -> Result<VideoBatch> {
        let (height, width) = self.tokenizer.size();
        let data = self.tokenizer.decode(&tokens.data, tokens.frames)?;
        Ok(VideoBatch { batch: tokens.batch, frames: tokens.frames, height, width, data })
    }

    fn infer_actions(&self, video: &VideoBatch) -> Result<ActionBatch> {
        let data = self.labeller.actions(&video.data, video.frames)?;
        Ok(ActionBatch { batch: video.batch, steps: video.frames - 1, data })
    }

    fn rollout(&self, prompt: &TokenBatch, actions: &ActionBatch, seed: u64) -> Result<TokenBatch> {
        let data = self.dynamics.rollout(
            &prompt.data,
            &actions.data,
            prompt.batch,
            &self.sampler,
            seed,
        )?;
        Ok(TokenBatch {
            batch: prompt.batch,
            frames: actions.steps + 1,
            per_frame: prompt.per_frame,
            data,
        })
    }
}
