//! From layers to a typed section: defaults, overlaid by the files, overlaid by the flags, and nothing left over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::layers::{ConfigFile, Override};
use super::{ConfigError, DataConfig, Origin, SECTIONS, UnknownKey, suggest};

/// A section of the config, as a type. Every key has a default and none is an `Option`, so that the serialised
/// default holds every key there is.
pub trait Section: Default + Serialize + DeserializeOwned {
    const NAME: &'static str;

    /// What types cannot say: ranges, keys that must agree. The message names the key, its value, and what is allowed.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The loaded config. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Config {
    /// The last over those before it.
    files: Arc<Vec<ConfigFile>>,
    overrides: Arc<Vec<Override>>,
    /// The keys of the sections this process knows, for hints across sections.
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

    /// The section `T::NAME` as the user wants it.
    pub fn section<T: Section>(&self) -> Result<T, ConfigError> {
        let defaults = self.learn::<T>();
        let wanted = self.overlay(T::NAME, &defaults)?;
        // Before a type that denies unknown fields does, in words that name neither the nearest nor the line.
        self.refuse(T::NAME, &strangers(&wanted, &defaults))?;
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

    /// Refuses unknown keys in all sections at once, given every section's defaults: for a program that knows all
    /// stages, and so can say for any key where it belongs.
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
            let keys = strangers(&wanted, defaults);
            if let Err(ConfigError::UnknownKeys(found)) = self.refuse(section, &keys) {
                unknown.extend(found);
            }
        }
        if unknown.is_empty() { Ok(()) } else { Err(ConfigError::UnknownKeys(unknown)) }
    }

    /// Remembers the keys of `T`, and returns its defaults.
    fn learn<T: Section>(&self) -> Table {
        let defaults = Table::try_from(T::default()).expect("a section's default is a TOML table");
        self.lock_known().insert(T::NAME.to_owned(), leaves(&defaults));
        defaults
    }

    fn lock_known(&self) -> MutexGuard<'_, BTreeMap<String, Vec<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every section that is mentioned must exist.
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

    /// `defaults` with the files and the flags laid over.
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
                    reason: format!("`{key}` is a value and has no keys inside"),
                }
            })?;
        }
        Ok(wanted)
    }

    /// The error for keys that no field took, if there are any.
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

    /// Where the value at `keys` was written: the last flag that sets it, or something around or inside it; else the
    /// last file that has it.
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

/// Lays `over` on `under`: tables key by key, everything else as a whole.
fn merge(under: &mut Table, over: &Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

fn lookup<'a>(table: &'a Table, keys: &[String]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    match (table.get(first)?, rest) {
        (value, []) => Some(value),
        (Value::Table(table), rest) => lookup(table, rest),
        _ => None,
    }
}

/// Puts `value` at `keys`; the error is the key that stands in the way.
fn insert(table: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    match keys {
        [] => Ok(()),
        [last] => {
            table.insert(last.clone(), value);
            Ok(())
        }
        [first, rest @ ..] => {
            let inner = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            match inner {
                Value::Table(inner) => insert(inner, rest, value),
                _ => Err(first.clone()),
            }
        }
    }
}

/// The dotted names of all values in `table`.
fn leaves(table: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => {
                names.extend(leaves(inner).iter().map(|name| format!("{key}.{name}")));
            }
            _ => names.push(key.clone()),
        }
    }
    names
}

/// The dotted names in `wanted` that `defaults` does not have. An empty default table takes any key.
fn strangers(wanted: &Table, defaults: &Table) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in wanted {
        match (value, defaults.get(key)) {
            // By its values: what is meant by a misspelt table shows in what stands in it.
            (Value::Table(value), None) if !value.is_empty() => {
                names.extend(leaves(value).iter().map(|name| format!("{key}.{name}")));
            }
            (_, None) => names.push(key.clone()),
            (Value::Table(value), Some(Value::Table(default))) if !default.is_empty() => {
                names.extend(strangers(value, default).iter().map(|name| format!("{key}.{name}")));
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests;
