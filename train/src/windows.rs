//! Token windows joined with their actions: the training data of the dynamics model.

mod action_files;

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use genie_model::{SourceError, TokenGroups, TokenShape, TokenWindows};
use genie_training::{Chain, TokenIndex};

use crate::action_set::ActionSet;
use action_files::ActionFiles;

/// The windows of the clips that a dynamics model is trained on, with their actions.
///
/// Shards that another run publishes meanwhile do not matter: the windows of the chain's clips were
/// complete when the chain was computed. `gc` deletes no shard while this exists.
pub struct LabelledTokens {
    tokens: TokenIndex,
    actions: ActionFiles,
    memory: u64,
}

impl LabelledTokens {
    /// Finds the windows and the actions of the clips of `chain`.
    ///
    /// Of the shards, it reads only which clips they have.
    /// If true actions are asked for, clips without them are skipped.
    ///
    /// # Errors
    /// When a shard cannot be read, or a clip lacks some of its windows or their actions.
    pub fn open(chain: &Chain, actions: ActionSet) -> Result<Self> {
        Self::open_in(chain, actions, chain.shuffle_bytes())
    }

    /// Does the same as [`Self::open`], with this number of bytes of windows in memory.
    fn open_in(chain: &Chain, actions: ActionSet, memory: u64) -> Result<Self> {
        let clips = chain.clips()?;
        let chosen = match actions {
            ActionSet::Latent(_) => clips,
            ActionSet::True(_) => {
                let labelled = chain.labelled_clips()?;
                let skipped = clips.len() - labelled.len();
                if skipped > 0 {
                    tracing::warn!("{skipped} clips have no true actions and are skipped");
                }
                labelled
            }
        };
        let tokens = TokenIndex::open(chain.tokens.path(), chosen, memory)?;
        let actions = match actions {
            ActionSet::Latent(_) => ActionFiles::of_labels(chain.actions.path(), &tokens)?,
            ActionSet::True(_) => ActionFiles::of_sidecars(chain, &tokens)?,
        };
        Ok(Self { tokens, actions, memory })
    }
}

impl TokenGroups for LabelledTokens {
    fn shape(&self) -> TokenShape {
        self.tokens.shape()
    }

    fn windows(&self) -> Vec<u64> {
        self.tokens.windows().to_vec()
    }

    fn memory(&self) -> u64 {
        self.memory
    }

    fn read(&self, groups: &[u32], halted: &AtomicBool) -> Result<TokenWindows, SourceError> {
        let buffer = self.tokens.read(groups, halted)?;
        let actions = self.actions.read(&self.tokens, &buffer)?;
        let TokenShape { frames, positions, columns } = self.shape();
        Ok(TokenWindows { frames, positions, columns, tokens: buffer.tokens, actions })
    }
}

#[cfg(test)]
mod tests;
