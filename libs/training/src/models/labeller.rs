//! A trained latent action model that takes frames, also if its own input is tokens.

use anyhow::{Context, Result, ensure};
use genie_model::{Device, FramesSeen, Lam, LamInput, Tokenizer};

use super::chain::Chain;

/// A latent action model, with the tokenizer if its input is tokens.
pub struct ActionLabeller {
    lam: Lam,
    tokenizer: Option<Tokenizer>,
}

impl ActionLabeller {
    /// Loads the latent action model of `chain`, and its tokenizer if it needs one.
    ///
    /// # Errors
    /// When a model is missing or damaged, or the two do not fit each other.
    pub fn load(chain: &Chain, device: &Device) -> Result<Self> {
        let lam = Lam::load(chain.lam.fetched()?, device)
            .context("cannot load the latent action model")?;
        let tokenizer = match lam.input() {
            LamInput::Pixels => None,
            LamInput::Tokens => {
                let tokenizer = Tokenizer::load(chain.tokenizer.fetched()?, device)
                    .context("cannot load the tokenizer")?;
                ensure!(
                    (lam.size(), lam.channels()) == (tokenizer.grid(), tokenizer.code_width()),
                    "latent action model {} was trained on tokens of another tokenizer than {}: \
                     pin the tokenizer that it was trained with, or train it again",
                    chain.lam.key(),
                    chain.tokenizer.key()
                );
                Some(tokenizer)
            }
        };
        Ok(Self { lam, tokenizer })
    }

    /// Infers the latent actions `[batch, time - 1]` of frames `[batch, time, height, width, 3]`.
    ///
    /// `frames` are RGB bytes. Entry t of a window is the action that leads from frame t to frame
    /// t+1.
    ///
    /// # Errors
    /// When the frames are not whole windows of the size that the models take.
    pub fn actions(&self, frames: &[u8], t: usize) -> Result<Vec<u8>> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(self.lam.actions(frames, t)?) };
        ensure!(
            t == tokenizer.frames(),
            "cannot label windows of {t} frames: the tokenizer of this latent action model takes \
             windows of {} frames",
            tokenizer.frames()
        );
        let codes = tokenizer.draw_codes(&tokenizer.encode(frames)?)?;
        Ok(self.lam.actions(&codes, t)?)
    }

    /// The number of latent actions.
    #[must_use]
    pub fn num_actions(&self) -> usize {
        self.lam.num_actions()
    }

    /// Frames that the model sees for an action.
    #[must_use]
    pub fn seen(&self) -> FramesSeen {
        self.lam.seen()
    }

    /// Height and width of the frames that the model takes, in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.tokenizer.as_ref().map_or(self.lam.size(), Tokenizer::size)
    }
}
