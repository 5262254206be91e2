//! The trained models of one lineage, loaded and checked against each other.

use anyhow::{Context, Result, ensure};
use genie_model::{ActionSource, Device, Dynamics, Tokenizer};

use super::chain::Chain;
use super::labeller::ActionLabeller;

/// Tokenizer, latent action model and dynamics model of one lineage.
pub struct TrainedModels {
    /// Turns frames into tokens, and tokens into frames.
    pub tokenizer: Tokenizer,
    /// Infers latent actions.
    pub labeller: ActionLabeller,
    /// Generates the tokens of frames.
    pub dynamics: Dynamics,
}

impl TrainedModels {
    /// Loads the models of a config's chain of steps.
    ///
    /// # Errors
    /// When a model is missing, damaged, or does not fit the others.
    pub fn load(chain: &Chain, device: Device) -> Result<Self> {
        let tokenizer = Tokenizer::load(chain.tokenizer.fetched()?, &device)
            .context("cannot load the tokenizer")?;
        let labeller = ActionLabeller::load(chain, &device)?;
        let dynamics = Dynamics::load(chain.dynamics.fetched()?, &device)
            .context("cannot load the dynamics model")?;
        let (rows, columns) = tokenizer.grid();
        ensure!(
            (dynamics.positions(), dynamics.codebook_size())
                == (rows * columns, tokenizer.codebook_size()),
            "dynamics model {} was trained on {} tokens per frame of {} codes, but tokenizer {} \
             has {} tokens of {} codes: they do not belong together; train the dynamics model on \
             this tokenizer's tokens",
            chain.dynamics.key(),
            dynamics.positions(),
            dynamics.codebook_size(),
            chain.tokenizer.key(),
            rows * columns,
            tokenizer.codebook_size(),
        );
        ensure!(
            dynamics.actions() == ActionSource::True
                || dynamics.num_actions() == labeller.num_actions(),
            "dynamics model {} has {} latent actions, but latent action model {} has {}: they do \
             not belong together; train the dynamics model with this latent action model",
            chain.dynamics.key(),
            dynamics.num_actions(),
            chain.lam.key(),
            labeller.num_actions(),
        );
        Ok(Self { tokenizer, labeller, dynamics })
    }

    /// Height and width of the frames that the models expect.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.tokenizer.size()
    }

    /// The number of frames of a window.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.tokenizer.frames().min(self.dynamics.frames())
    }

    /// Whether the dynamics model was trained with true actions, not with latent ones.
    #[must_use]
    pub fn takes_true_actions(&self) -> bool {
        self.dynamics.actions() == ActionSource::True
    }
}
