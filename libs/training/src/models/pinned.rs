//! The section `[pinned]`: models that stay in use when new clips arrive.
//!
//! A model's work key contains the clips that it was trained on, so new clips give a new model.
//! That is right for an experiment. It is wrong for a dataset that grows every night. A pinned
//! model is the model with the given key, whatever clips exist now. The keys of all that follows
//! (tokens, labels, dynamics, report) contain the pinned model and the clips that exist now.
//!
//! `"newest"` is replaced by a key when the config is read. So the `config.toml` beside each output
//! contains the key.

use genie_stage::config::Section;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value that means the last finished model of this config.
pub(super) const NEWEST: &str = "newest";

/// Models that stay in use when new clips arrive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PinnedSection {
    /// The tokenizer to use: the key of a model (16 hex digits), `newest`, or empty.
    ///
    /// Empty means the model that is trained on the current clips.
    pub tokenizer: String,
    /// The latent action model to use: the key of a model (16 hex digits), `newest`, or empty.
    ///
    /// Empty means the model that is trained on the current clips.
    pub lam: String,
}

impl Section for PinnedSection {
    const NAME: &'static str = "pinned";

    fn check(&self) -> Result<(), String> {
        for (name, value) in [("tokenizer", &self.tokenizer), ("lam", &self.lam)] {
            let is_key = value.len() == 16 && value.chars().all(|c| c.is_ascii_hexdigit());
            if !(value.is_empty() || value == NEWEST || is_key) {
                return Err(format!(
                    "{name} is {value:?}: write \"newest\", the key of a model (16 hex digits), \
                     or an empty string"
                ));
            }
        }
        Ok(())
    }
}
