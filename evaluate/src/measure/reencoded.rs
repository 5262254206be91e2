//! Frames that are encoded and decoded again, for the signals of doubt.
//!
//! A frame that the tokenizer has learned keeps its tokens and its pixels. `genie_training` defines
//! the signals.

use std::ops::Range;

use anyhow::Result;
use genie_training::{changed_tokens, reencoding_rms};

use crate::world::{Checked, TokenBatch, VideoBatch};

/// Tokens and their decoded frames, before and after the frames are encoded and decoded again.
pub(super) struct Reencoded<'a> {
    before: (&'a TokenBatch, &'a VideoBatch),
    after: (TokenBatch, VideoBatch),
}

impl<'a> Reencoded<'a> {
    /// Encodes and decodes `frames`, which are decoded from `tokens`.
    ///
    /// # Errors
    /// Fails if the models do not fit the frames.
    pub fn new(
        model: &Checked<'_>,
        tokens: &'a TokenBatch,
        frames: &'a VideoBatch,
    ) -> Result<Reencoded<'a>> {
        let again = model.encode(frames)?;
        let decoded = model.decode(&again, frames)?;
        Ok(Reencoded { before: (tokens, frames), after: (again, decoded) })
    }

    /// Returns the share of changed tokens of some frames of window `b`.
    pub fn changed_tokens(&self, b: usize, frames: Range<usize>) -> Vec<f64> {
        let (before, after) = (self.before.0, &self.after.0);
        frames.map(|t| changed_tokens(before.frame(b, t), after.frame(b, t))).collect()
    }

    /// Returns the root mean square differences of some frames of window `b`, in 8-bit levels.
    pub fn rms(&self, b: usize, frames: Range<usize>) -> Vec<f64> {
        let (before, after) = (self.before.1, &self.after.1);
        frames.map(|t| reencoding_rms(before.frame(b, t), after.frame(b, t))).collect()
    }
}
