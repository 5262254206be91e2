//! The resolved config as TOML: `config` prints it, and every output has it as `config.toml`.

use std::collections::BTreeMap;
use std::fmt;

use super::reference::{self, ConfigReference};
use super::section::Section;

/// Sections with every key filled in, in the order of adding; formatted as TOML.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    sections: Vec<String>,
    references: Vec<fn() -> ConfigReference>,
}

impl Resolved {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a section.
    ///
    /// # Panics
    /// If TOML cannot represent the section (for example a `None` in a list): a programming error.
    #[must_use]
    pub fn with<T: Section>(mut self, section: &T) -> Self {
        // The typed value is printed, because `toml::Value` would print an f32 of 0.1 as
        // 0.10000000149011612.
        let text = toml::to_string(&BTreeMap::from([(T::NAME, section)]));
        self.sections.push(text.expect("a section is serialisable as TOML"));
        self.references.push(reference::of_section::<T>);
        self
    }

    /// The description of every key of the sections, with its default.
    #[must_use]
    pub fn reference(&self) -> ConfigReference {
        let tables = self.references.iter().flat_map(|reference| reference().tables);
        ConfigReference { tables: tables.collect() }
    }
}

impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sections.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::data::DataConfig;
    use crate::config::load::{ConfigArgs, load};

    /// Catches: a `config.toml` beside an output does not reproduce it.
    #[test]
    fn reads_back_as_the_same() {
        let data = DataConfig {
            root: "with \"quotes\" and spaces".into(),
            cache: "copies".into(),
            cache_gb: 3,
            videos: vec!["a".into(), "b c".into()],
            held_out: 0.25,
            r#where: "split = 'train' and \"motion\" > 0.1".into(),
            memory_mb: 512,
            shuffle_mb: 64,
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, Resolved::new().with(&data).to_string()).unwrap();
        let args = ConfigArgs { config: Some(path.try_into().unwrap()), set: Vec::new() };
        assert_eq!(load(&args).unwrap().section::<DataConfig>().unwrap(), data);
    }
}
