//! The windows that the dynamics model trains on.

use crate::error::ModelError;

/// Windows of tokens with their actions.
#[derive(Clone, Debug, Default)]
pub struct TokenWindows {
    /// Frames per window.
    pub frames: usize,
    /// Tokens per frame.
    pub positions: usize,
    /// Tokens per row of a frame.
    pub columns: usize,
    /// Tokens `[n, frames, positions]`.
    pub tokens: Vec<u16>,
    /// Actions `[n, frames - 1]`: entry t leads from frame t to frame t+1.
    pub actions: Vec<u8>,
}

impl TokenWindows {
    /// The number of windows.
    pub fn len(&self) -> usize {
        self.actions.len() / (self.frames - 1).max(1)
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fails if the lengths do not fit each other, or if a token or an action is out of range.
    pub(crate) fn check(&self, codes: usize, actions: usize) -> Result<(), ModelError> {
        let wrong = |what: String| Err(ModelError::Data(what));
        if self.frames < 2 || self.is_empty() {
            return wrong(
                "there are no token windows to train on: run `genie-tokenize encode` and \
                 `genie-train label` first"
                    .into(),
            );
        }
        if self.columns == 0 || !self.positions.is_multiple_of(self.columns) {
            return wrong(format!(
                "{} tokens per frame are not whole rows of {}: encode the windows again",
                self.positions, self.columns
            ));
        }
        let (windows, steps) = (self.len(), self.frames - 1);
        if self.tokens.len() != windows * self.frames * self.positions
            || self.actions.len() != windows * steps
        {
            let (tokens, actions) = (self.tokens.len(), self.actions.len());
            return wrong(format!(
                "{tokens} tokens and {actions} actions are not {windows} whole windows: encode and \
                 label the windows again"
            ));
        }
        if let Some(token) = self.tokens.iter().find(|token| usize::from(**token) >= codes) {
            return wrong(format!(
                "token {token} is outside the codebook of {codes} codes: the token shards are of \
                 another tokenizer"
            ));
        }
        if let Some(action) = self.actions.iter().find(|action| usize::from(**action) >= actions) {
            return wrong(format!(
                "action {action} is not one of the {actions} actions: the labels are of another \
                 latent action model"
            ));
        }
        Ok(())
    }
}
