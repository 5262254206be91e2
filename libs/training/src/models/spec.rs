//! What identifies a model, whatever clips it was trained on.

use anyhow::{Context, Result};
use camino::Utf8Path;
use genie_model::{TRAINING_FORMAT, TrainConfig};
use genie_stage::exit::Usage;
use genie_stage::key::{Key, KeyBuilder};
use genie_stage::step::{Record, read_record};
use serde::Serialize;

use super::pinned::NEWEST;

/// Work on a model, whatever clips it was trained on.
pub(super) struct ModelSpec<'a> {
    pub root: &'a Utf8Path,
    /// Its kind: `models/<kind>`, and the section of its config.
    pub kind: &'static str,
    /// Its config.
    pub key: KeyBuilder,
    /// How it is trained, and whether from weights of a file.
    pub train: &'a TrainConfig,
    /// The tokenizer whose tokens it looks at, if it does.
    pub tokenizer: Option<&'a Key>,
}

impl<'a> ModelSpec<'a> {
    pub fn new(
        root: &'a Utf8Path,
        kind: &'static str,
        config: &impl Serialize,
        train: &'a TrainConfig,
    ) -> Self {
        Self {
            root,
            kind,
            key: Key::builder(kind, TRAINING_FORMAT).config(config),
            train,
            tokenizer: None,
        }
    }

    /// The content of the file that its weights are from, if they are from one.
    fn import(&self) -> Result<Option<String>> {
        let kind = self.kind;
        self.train.import_hash().with_context(|| {
            format!("cannot read what [{kind}.train] import names (its content is part of the model's work key)")
        })
    }

    /// The key of a model that is to be made, but for its other inputs.
    ///
    /// # Errors
    /// When the file to import cannot be read.
    pub fn begin(&self) -> Result<KeyBuilder> {
        let key = self.key.clone();
        Ok(match self.import()? {
            Some(hash) => key.input("import", hash),
            None => key,
        })
    }

    /// The key that `pinned` says, if it says one.
    ///
    /// # Errors
    /// When there is no such model, or it is of another config.
    pub fn pinned(&self, pinned: &str) -> Result<Option<Key>> {
        if pinned.is_empty() || pinned == NEWEST {
            return Ok(None);
        }
        let dir = self.root.join("models").join(self.kind).join(pinned);
        let kind = self.kind;
        let record = read_record(&dir).with_context(|| {
            Usage(format!(
                "[pinned] {kind} = \"{pinned}\", and there is no finished one at {dir}: name another, or \"newest\""
            ))
        })?;
        let key = self.key_of(&record, self.import()?.as_deref()).with_context(|| {
            Usage(format!(
                "[pinned] {kind} = \"{pinned}\", which was made from another config than [{kind}] (or another tokenizer, or by another \
                 version): work with {dir}/config.toml, or name another"
            ))
        })?;
        Ok(Some(key))
    }

    /// The key of the model of this config that was finished last; of two at once, the greater.
    ///
    /// # Errors
    /// When the models cannot be listed.
    pub fn newest(&self) -> Result<Option<Key>> {
        let dir = self.root.join("models").join(self.kind);
        let items = match dir.read_dir_utf8() {
            Ok(items) => items,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot list {dir}")),
        };
        let import = self.import()?;
        let mut found = Vec::new();
        for item in items {
            let path = item.with_context(|| format!("cannot list {dir}"))?.into_path();
            let record = read_record(&path).filter(|record| path.file_name() == Some(&record.key));
            found.extend(record.and_then(|record| {
                Some((record.lineage.finished, self.key_of(&record, import.as_deref())?))
            }));
        }
        Ok(found
            .into_iter()
            .max_by(|(a, x), (b, y)| (a, x.as_str()).cmp(&(b, y.as_str())))
            .map(|(_, key)| key))
    }

    /// The key of a model's record, if it is of this work and of the same imported weights.
    fn key_of(&self, record: &Record, import: Option<&str>) -> Option<Key> {
        let input = |name: &str| record.inputs.get(name).and_then(|value| value.as_str());
        if self.tokenizer.is_some_and(|key| input("tokenizer") != Some(key.as_str()))
            || input("import") != import
        {
            return None;
        }
        record.key_of(self.key.clone())
    }
}
