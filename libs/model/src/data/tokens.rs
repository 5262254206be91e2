//! The windows that the dynamics model trains on.

use std::sync::atomic::AtomicBool;

use super::video::SourceError;
use crate::error::ModelError;

/// The shape of windows of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenShape {
    /// Frames per window.
    pub frames: usize,
    /// Tokens per frame.
    pub positions: usize,
    /// Tokens per row of a frame.
    pub columns: usize,
}

/// Windows of tokens in groups. All have the same shape.
///
/// The groups must follow from the windows, and not from how they are stored: the order of training
/// depends on them if not all windows fit into memory. See [`super::cut_groups`].
pub trait TokenGroups: Send + Sync {
    /// The shape of the windows.
    fn shape(&self) -> TokenShape;

    /// The number of windows of each group.
    fn windows(&self) -> Vec<u64>;

    /// The number of bytes of windows that may be in memory. The order of training depends on it.
    fn memory(&self) -> u64;

    /// Reads the windows of some groups, which are given by number, in ascending order.
    ///
    /// The windows are in an order that depends only on the windows. If `halted` is set, nobody
    /// waits for them any more. Fails if the storage fails.
    fn read(&self, groups: &[u32], halted: &AtomicBool) -> Result<TokenWindows, SourceError>;
}

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

impl TokenGroups for TokenWindows {
    fn shape(&self) -> TokenShape {
        let Self { frames, positions, columns, .. } = *self;
        TokenShape { frames, positions, columns }
    }

    fn windows(&self) -> Vec<u64> {
        vec![self.len() as u64]
    }

    fn memory(&self) -> u64 {
        u64::MAX
    }

    fn read(&self, _groups: &[u32], _halted: &AtomicBool) -> Result<TokenWindows, SourceError> {
        Ok(self.clone())
    }
}

impl TokenShape {
    /// Tokens per window.
    pub fn tokens(self) -> usize {
        self.frames * self.positions
    }

    /// Actions per window.
    pub fn actions(self) -> usize {
        self.frames.saturating_sub(1)
    }

    /// Bytes of a window in memory.
    pub fn bytes(self) -> u64 {
        (size_of::<u16>() * self.tokens() + self.actions()) as u64
    }

    /// Fails if a model cannot train on `windows` windows of this shape.
    pub(crate) fn check(self, windows: u64) -> Result<(), ModelError> {
        if self.frames < 2 || windows == 0 {
            return Err(ModelError::Data(
                "there are no token windows to train on: run `genie-tokenize encode` and \
                 `genie-train label` first"
                    .into(),
            ));
        }
        if self.columns == 0 || !self.positions.is_multiple_of(self.columns) {
            return Err(ModelError::Data(format!(
                "{} tokens per frame are not whole rows of {}: encode the windows again",
                self.positions, self.columns
            )));
        }
        Ok(())
    }

    /// Windows of this shape, without any window yet.
    pub fn empty(self) -> TokenWindows {
        let Self { frames, positions, columns } = self;
        TokenWindows { frames, positions, columns, ..TokenWindows::default() }
    }
}

impl TokenWindows {
    /// Appends the window `index` of `other`, which has the same shape.
    pub(crate) fn push(&mut self, other: &Self, index: usize) {
        let (tokens, actions) = (self.shape().tokens(), self.shape().actions());
        self.tokens.extend_from_slice(&other.tokens[index * tokens..][..tokens]);
        self.actions.extend_from_slice(&other.actions[index * actions..][..actions]);
    }

    /// The number of windows.
    pub fn len(&self) -> usize {
        self.actions.len() / self.shape().actions().max(1)
    }

    /// Whether there are no windows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fails if the lengths do not fit each other, or if a token or an action is out of range.
    pub(crate) fn check(&self, codes: usize, actions: usize) -> Result<(), ModelError> {
        let wrong = |what: String| Err(ModelError::Data(what));
        let (windows, shape) = (self.len(), self.shape());
        if self.tokens.len() != windows * shape.tokens()
            || self.actions.len() != windows * shape.actions()
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
