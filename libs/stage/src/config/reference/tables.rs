//! The reference as data: tables, their keys, and the values that a key allows.

use serde::{Deserialize, Serialize};

use crate::config::section::SECTIONS;

/// Tables of the config with their keys; each section comes before the tables inside it.
///
/// As JSON, it is how a stage's binary answers `config --explain --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigReference {
    pub tables: Vec<ConfigTable>,
}

/// A section, or a table inside one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigTable {
    /// The full name, such as `lam.train`.
    pub name: String,
    /// The doc comment.
    pub doc: String,
    pub keys: Vec<ConfigKey>,
}

/// A key that has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigKey {
    /// The full name, such as `lam.train.steps`.
    pub name: String,
    /// The type of the value in words, such as `list of strings`.
    pub kind: String,
    /// The default, as TOML.
    pub default: String,
    /// The doc comment.
    pub doc: String,
    /// The values that the key allows, if they can be listed.
    pub values: Vec<AllowedValue>,
}

/// One of the values that a key allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedValue {
    /// The value, as TOML.
    pub value: String,
    /// The doc comment.
    pub doc: String,
}

impl ConfigTable {
    /// The name of the section that the table belongs to.
    fn section(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }
}

impl ConfigReference {
    /// Puts references together: every section once, in the usual order.
    #[must_use]
    pub fn merged(parts: &[Self]) -> Self {
        let of = |section: &str| -> Option<Vec<ConfigTable>> {
            parts.iter().find_map(|part| {
                let tables = part.tables.iter().filter(|table| table.section() == section);
                let tables: Vec<_> = tables.cloned().collect();
                (!tables.is_empty()).then_some(tables)
            })
        };
        Self { tables: SECTIONS.iter().filter_map(|section| of(section)).flatten().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a section that several stages use is printed several times; sections have another
    /// order than in config files.
    #[test]
    fn every_section_comes_once_and_in_order() {
        let part = |names: &[&str]| ConfigReference {
            tables: names
                .iter()
                .map(|name| ConfigTable {
                    name: (*name).to_owned(),
                    doc: String::new(),
                    keys: Vec::new(),
                })
                .collect(),
        };
        let parts = [part(&["lam", "lam.train", "data"]), part(&["data", "ingest", "lam"])];
        assert_eq!(ConfigReference::merged(&parts), part(&["data", "ingest", "lam", "lam.train"]));
    }
}
