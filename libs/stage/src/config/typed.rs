//! Typed sections: defaults, then files, then flags; unknown keys are errors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::data::DataConfig;
use super::error::{ConfigError, Origin, UnknownKey};
use super::layers::{ConfigFile, Override};
use super::section::{SECTIONS, Section};
use super::suggest;
use super::tables::{insert, leaves, lookup, merge, negative_zero, unknown_keys};

/// The loaded config. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Config {
    /// Lowest layer first.
    files: Arc<Vec<ConfigFile>>,
    overrides: Arc<Vec<Override>>,
    /// Keys of the sections that this process knows, for suggestions across sections.
    known: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl Config {
    pub(super) fn new(
        files: Vec<ConfigFile>,
        overrides: Vec<Override>,
    ) -> Result<Self, ConfigError> {
        let config =
            Self { files: Arc::new(files), overrides: Arc::new(overrides), known: Arc::default() };
        config.learn::<DataConfig>();
        config.check_sections()?;
        Ok(config)
    }

    /// Returns the section `T::NAME` with all layers applied.
    pub fn section<T: Section>(&self) -> Result<T, ConfigError> {
        let defaults = self.learn::<T>();
        let wanted = self.overlay(T::NAME, &defaults)?;
        // This check comes first, because a type with `deny_unknown_fields` would give an error
        // without a line or a suggestion.
        self.refuse(T::NAME, &unknown_keys(&wanted, &defaults))?;
        self.refuse_negative_zero(T::NAME, &wanted)?;
        let mut ignored = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let section = T::deserialize(serde_path_to_error::Deserializer::new(
            serde_ignored::Deserializer::new(wanted, &mut |path: serde_ignored::Path| {
                ignored.push(path.to_string());
            }),
            &mut track,
        ));
        let section = section.map_err(|error| self.value_error(T::NAME, &track.path(), &error))?;
        self.refuse(T::NAME, &ignored)?;
        section.check().map_err(|message| ConfigError::Invalid { section: T::NAME, message })?;
        Ok(section)
    }

    /// Checks the keys of all sections, given every section's defaults.
    ///
    /// For a program that knows all stages: its errors can name the right section for any key.
    pub fn check_keys(&self, all_defaults: &Table) -> Result<(), ConfigError> {
        for (section, defaults) in all_defaults {
            if let Value::Table(defaults) = defaults {
                self.lock_known().insert(section.clone(), leaves(defaults));
            }
        }
        let mut unknown = Vec::new();
        for (section, defaults) in all_defaults {
            let Value::Table(defaults) = defaults else {
                continue;
            };
            let wanted = self.overlay(section, defaults)?;
            let keys = unknown_keys(&wanted, defaults);
            if let Err(ConfigError::UnknownKeys(found)) = self.refuse(section, &keys) {
                unknown.extend(found);
            }
        }
        if unknown.is_empty() { Ok(()) } else { Err(ConfigError::UnknownKeys(unknown)) }
    }

    /// Stores the keys of `T` and returns its defaults.
    fn learn<T: Section>(&self) -> Table {
        let defaults = Table::try_from(T::default()).expect("a section's default is a TOML table");
        self.lock_known().insert(T::NAME.to_owned(), leaves(&defaults));
        defaults
    }

    fn lock_known(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that every section in the files and flags exists.
    fn check_sections(&self) -> Result<(), ConfigError> {
        for file in self.files.iter() {
            for (name, value) in &file.table {
                let origin = || file.origin(&[name]);
                if !value.is_table() {
                    return Err(ConfigError::NotASection {
                        name: name.clone(),
                        origin: origin(),
                        hint: section_hint(name),
                    });
                }
                known_section(name, origin)?;
            }
        }
        for set in self.overrides.iter() {
            known_section(&set.section, || set.origin())?;
        }
        Ok(())
    }

    /// Overlays the files and the flags on `defaults`.
    fn overlay(&self, section: &str, defaults: &Table) -> Result<Table, ConfigError> {
        let mut wanted = defaults.clone();
        for file in self.files.iter() {
            if let Some(Value::Table(in_file)) = file.table.get(section) {
                merge(&mut wanted, in_file);
            }
        }
        for set in self.overrides.iter().filter(|set| set.section == section) {
            let default = lookup(defaults, &set.keys);
            insert(&mut wanted, &set.keys, set.value_for(default)).map_err(|key| {
                ConfigError::Override {
                    text: set.text.clone(),
                    reason: format!("`{key}` is a value, not a table, so it has no keys"),
                }
            })?;
        }
        Ok(wanted)
    }

    /// Returns the error for unknown keys, if there are any.
    fn refuse(&self, section: &str, unknown: &[String]) -> Result<(), ConfigError> {
        if unknown.is_empty() {
            return Ok(());
        }
        let known = self.lock_known();
        let here = known.get(section).cloned().unwrap_or_default();
        let keys = unknown.iter().map(|key| UnknownKey {
            section: section.to_owned(),
            key: key.clone(),
            origin: self.origin(section, &key.split('.').collect::<Vec<_>>()),
            nearest: suggest::nearest(key, here.iter().map(String::as_str)).map(str::to_owned),
            elsewhere: known
                .iter()
                .filter(|(other, keys)| *other != section && keys.contains(key))
                .map(|(other, _)| other.clone())
                .collect(),
            known: here.clone(),
        });
        Err(ConfigError::UnknownKeys(keys.collect()))
    }

    /// Returns the error for the number -0.0, if there is one.
    ///
    /// -0.0 equals 0 in every check of a value. But its bytes differ from those of 0, so it would
    /// give another work key for the same results.
    fn refuse_negative_zero(&self, section: &str, wanted: &Table) -> Result<(), ConfigError> {
        let Some(key) = negative_zero(wanted) else { return Ok(()) };
        Err(ConfigError::Value {
            origin: self.origin(section, &key.split('.').collect::<Vec<_>>()),
            key: format!("{section}.{key}"),
            message: "it is -0.0; write 0".to_owned(),
        })
    }

    fn value_error(
        &self,
        section: &str,
        path: &serde_path_to_error::Path,
        error: &toml::de::Error,
    ) -> ConfigError {
        let keys: Vec<&str> = path
            .iter()
            .map_while(|segment| match segment {
                Segment::Map { key } => Some(key.as_str()),
                _ => None,
            })
            .collect();
        let mut message = error.message().trim_end().to_owned();
        if message.ends_with("expected a sequence") {
            message += r#": write a list, such as ["one", "two"]"#;
        }
        let inside = path.to_string();
        ConfigError::Value {
            key: match inside.as_str() {
                "." => section.to_owned(),
                inside => format!("{section}.{inside}"),
            },
            origin: self.origin(section, &keys),
            message,
        }
    }

    /// Where the value at `keys` was written.
    ///
    /// It is the last flag that sets this key, a table around it, or a key inside it. Without such
    /// a flag, it is the last file that has the key, or else the section.
    fn origin(&self, section: &str, keys: &[&str]) -> Origin {
        let touches = |set: &&Override| {
            set.section == section && set.keys.iter().zip(keys).all(|(a, b)| a == b)
        };
        if let Some(set) = self.overrides.iter().rev().find(touches) {
            return set.origin();
        }
        let mut path = vec![section];
        path.extend(keys);
        let last = |keys: &[&str]| self.files.iter().rfind(|file| file.has(keys));
        last(&path).or_else(|| last(&path[..1])).map_or(Origin::Default, |file| file.origin(&path))
    }
}

fn known_section(name: &str, origin: impl FnOnce() -> Origin) -> Result<(), ConfigError> {
    if SECTIONS.contains(&name) {
        return Ok(());
    }
    Err(ConfigError::UnknownSection {
        name: name.to_owned(),
        origin: origin(),
        hint: section_hint(name),
    })
}

fn section_hint(name: &str) -> String {
    match suggest::nearest(name, SECTIONS) {
        Some(nearest) => format!("did you mean [{nearest}]?"),
        None => format!("the sections are [{}]", SECTIONS.join("], [")),
    }
}

#[cfg(test)]
mod tests;
