//! Work keys: the name of a piece of work, computed from its inputs.
//!
//! Content and config decide whether an output is current; time stamps never do. The key of a step
//! is a hash of its name, the version of its output format, its resolved config, and the keys or
//! content hashes of its inputs. The output directory has the key as its name. If the key is
//! unchanged, there is nothing to do. If anything changed, the step writes another directory, and
//! the old one stays valid.
//!
//! Guarantees: a key is the same on every machine. It does not depend on the order of fields or
//! inputs. Different parts never give the same bytes to hash, because the parts are hashed as one
//! canonical JSON document.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

const HEX_DIGITS: usize = 16;

/// A work key and its inputs, which [`crate::step::StepDir`] records as the output's lineage.
#[derive(Debug, Clone)]
pub struct Key {
    hex: String,
    config: Value,
    inputs: Map<String, Value>,
}

impl Key {
    /// Starts the key of `step`, whose outputs have format version `format`.
    ///
    /// Raise `format` when the code changes so that old outputs must be recomputed.
    pub fn builder(step: &str, format: u32) -> KeyBuilder {
        KeyBuilder { step: step.to_owned(), format, config: Value::Null, inputs: Map::new() }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.hex
    }

    pub(crate) fn config(&self) -> &Value {
        &self.config
    }

    pub(crate) fn inputs(&self) -> &Map<String, Value> {
        &self.inputs
    }
}

/// Collects the parts of a [`Key`].
#[derive(Debug, Clone)]
#[must_use]
pub struct KeyBuilder {
    step: String,
    format: u32,
    config: Value,
    inputs: Map<String, Value>,
}

impl KeyBuilder {
    /// Adds the config that the step's output depends on; several calls merge their fields.
    ///
    /// # Panics
    /// If `config` cannot be serialised as JSON (a map whose keys are not strings): a programming
    /// error.
    pub fn config(mut self, config: &impl Serialize) -> Self {
        let value = serde_json::to_value(config).expect("a config section is serialisable");
        self.config = match (self.config, value) {
            (Value::Object(mut old), Value::Object(new)) => {
                old.extend(new);
                Value::Object(old)
            }
            (_, new) => new,
        };
        self
    }

    /// Adds an input: its name, and its key or content hash.
    pub fn input(mut self, name: &str, hash: impl fmt::Display) -> Self {
        self.inputs.insert(name.to_owned(), Value::String(hash.to_string()));
        self
    }

    #[must_use]
    pub fn finish(self) -> Key {
        let document = canonical(json!({
            "step": self.step,
            "format": self.format,
            "config": self.config,
            "inputs": self.inputs,
        }));
        let mut hex = blake3::hash(document.to_string().as_bytes()).to_hex().to_string();
        hex.truncate(HEX_DIGITS);
        Key { hex, config: self.config, inputs: self.inputs }
    }
}

/// Sorts the fields of every object by name.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().map(|(k, v)| (k, canonical(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(canonical).collect()),
        scalar => scalar,
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.hex)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.hex
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.hex == other.hex
    }
}

impl Eq for Key {}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> KeyBuilder {
        Key::builder("lam", 1)
            .config(&json!({"steps": 10, "width": 64}))
            .input("clips", "abc")
            .input("splits", "def")
    }

    /// Catches: keys are computed in another way, which would silently repeat all users' work.
    #[test]
    fn keys_do_not_change_between_versions() {
        assert_eq!(builder().finish().to_string(), "69f2f9ef5c55a44c");
    }

    /// Catches: the order of fields or of calls changes the key, so a model is trained again.
    #[test]
    fn order_does_not_matter() {
        let other = Key::builder("lam", 1)
            .input("splits", "def")
            .input("clips", "abc")
            .config(&json!({"width": 64}))
            .config(&json!({"steps": 10}));
        assert_eq!(builder().finish(), other.finish());
    }

    /// Catches: a part of the work is missing from its key, so that old output counts as current.
    #[test]
    fn every_part_matters() {
        let key = builder().finish();
        let changed = [
            Key::builder("dynamics", 1)
                .config(&json!({"steps": 10, "width": 64}))
                .input("clips", "abc")
                .input("splits", "def"),
            Key::builder("lam", 2)
                .config(&json!({"steps": 10, "width": 64}))
                .input("clips", "abc")
                .input("splits", "def"),
            builder().config(&json!({"steps": 11})),
            builder().input("clips", "abd"),
            builder().input("more", ""),
        ];
        for other in changed {
            assert_ne!(key, other.clone().finish(), "{other:?}");
        }
    }

    /// Catches: `"ab" + "c"` and `"a" + "bc"` have the same key.
    #[test]
    fn parts_do_not_run_together() {
        let one = Key::builder("x", 1).input("a", "bc").finish();
        let two = Key::builder("x", 1).input("ab", "c").finish();
        assert_ne!(one, two);
    }
}
