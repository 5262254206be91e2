//! The work keys of the three models, or the hashes of their weights.

use anyhow::Result;
use genie_stage::step::StepDir;
use genie_training::Chain;
use serde::Serialize;

/// One text for each of the three models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelKeys {
    pub tokenizer: String,
    pub lam: String,
    pub dynamics: String,
}

impl ModelKeys {
    /// Computes a text for each model of a chain.
    pub fn of(chain: &Chain, text: impl Fn(&StepDir) -> Result<String>) -> Result<Self> {
        Ok(Self {
            tokenizer: text(&chain.tokenizer)?,
            lam: text(&chain.lam)?,
            dynamics: text(&chain.dynamics)?,
        })
    }
}
