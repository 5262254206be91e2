//! Models that are kept though there are new clips: the section `[pinned]`.
//!
//! A model's work key holds the clips that it was trained on, so new clips mean a new model: right for an experiment, and not for a dataset
//! that grows every night. A pinned model is the one that its key names, whatever clips there are now; everything that follows (tokens,
//! labels, dynamics, report) is keyed by it and by the clips that there are, as ever.
//!
//! `"newest"` is settled when the config is read: what runs, and the `config.toml` beside what it makes, know the key.

use genie_stage::config::Section;
use serde::{Deserialize, Serialize};

/// The word for the model of this config that was finished last.
pub(super) const NEWEST: &str = "newest";

/// `[pinned]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PinnedSection {
    /// The tokenizer: a key, `newest`, or nothing, for one that is trained on the very clips that there are.
    pub tokenizer: String,
    /// The latent action model, likewise.
    pub lam: String,
}

impl Section for PinnedSection {
    const NAME: &'static str = "pinned";

    fn check(&self) -> Result<(), String> {
        for (name, value) in [("tokenizer", &self.tokenizer), ("lam", &self.lam)] {
            let is_key = value.len() == 16 && value.chars().all(|c| c.is_ascii_hexdigit());
            if !(value.is_empty() || value == NEWEST || is_key) {
                return Err(format!(
                    "{name} is {value:?}: it is \"newest\", the key of a model (16 hex digits), or empty"
                ));
            }
        }
        Ok(())
    }
}
