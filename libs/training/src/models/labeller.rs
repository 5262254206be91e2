//! A trained latent action model as stages use it: frames in, latent actions out, whether it looks at pixels or at tokens.

use anyhow::{Context, Result, ensure};
use genie_model::{Device, Lam, LamInput, Tokenizer};

use super::chain::Chain;

/// The latent action model, with the tokenizer where it looks at tokens.
pub struct ActionLabeller {
    lam: Lam,
    tokenizer: Option<Tokenizer>,
}

impl ActionLabeller {
    /// Loads the chain's.
    ///
    /// # Errors
    /// When a model is missing or damaged, or the two do not fit each other.
    pub fn load(chain: &Chain, device: &Device) -> Result<Self> {
        let lam =
            Lam::load(chain.lam.path(), device).context("cannot load the latent action model")?;
        let tokenizer = match lam.input() {
            LamInput::Pixels => None,
            LamInput::Tokens => {
                let tokenizer = Tokenizer::load(chain.tokenizer.path(), device)
                    .context("cannot load the tokenizer")?;
                ensure!(
                    (lam.size(), lam.channels()) == (tokenizer.grid(), tokenizer.code_width()),
                    "latent action model {} was trained on the tokens of another tokenizer than {}",
                    chain.lam.key(),
                    chain.tokenizer.key()
                );
                Some(tokenizer)
            }
        };
        Ok(Self { lam, tokenizer })
    }

    /// Latent actions `[b, t-1]` of windows of frames `[b, t, h, w, 3]`: entry t leads from frame t to frame t+1.
    ///
    /// # Errors
    /// When the frames are not whole windows of the size that the models take.
    pub fn actions(&self, frames: &[u8], t: usize) -> Result<Vec<u8>> {
        let Some(tokenizer) = &self.tokenizer else { return Ok(self.lam.actions(frames, t)?) };
        ensure!(
            t == tokenizer.frames(),
            "windows of {t} frames cannot be labelled: this latent action model looks at the tokens of windows of {}",
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

    /// Height and width of the frames that it takes, in pixels.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        self.tokenizer.as_ref().map_or(self.lam.size(), Tokenizer::size)
    }
}
