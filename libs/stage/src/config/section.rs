//! A section of the config as a type, and the names of all sections.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// All sections. Every stage knows all of them, so that one file serves the whole pipeline.
pub(crate) const SECTIONS: [&str; 10] = [
    "data",
    "sample",
    "ingest",
    "quality",
    "cluster",
    "pinned",
    "tokenizer",
    "lam",
    "dynamics",
    "evaluate",
];

/// A section of the config as a type.
///
/// Every key has a default and none is an `Option`, so the serialised default has every key.
/// Every field has a doc comment, which `config --explain` prints.
pub trait Section: Default + Serialize + DeserializeOwned + JsonSchema {
    const NAME: &'static str;

    /// Checks what types cannot: ranges, and keys that must agree.
    ///
    /// The message names the key, its value, and what is allowed.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}
