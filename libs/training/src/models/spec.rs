//! The parts of a model's identity that do not depend on its training clips.

use anyhow::{Context, Result};
use camino::Utf8Path;
use genie_model::{TRAINING_FORMAT, TrainConfig};
use genie_stage::config::DataConfig;
use genie_stage::exit::Usage;
use genie_stage::key::{Key, KeyBuilder};
use genie_stage::step::{Record, read_record};
use serde::Serialize;
use serde_json::json;

use super::pinned::NEWEST;

/// The parts of a model's identity that do not depend on its training clips.
pub(super) struct ModelSpec<'a> {
    pub root: &'a Utf8Path,
    /// The kind of model: its directory is below `models/<kind>`, its config section is `[<kind>]`.
    pub kind: &'static str,
    /// The start of its work key: format version and config.
    pub key: KeyBuilder,
    /// The training config, which names the file of weights to import, if there is one.
    pub train: &'a TrainConfig,
    /// The tokenizer, if the model's input is tokens.
    pub tokenizer: Option<&'a Key>,
}

impl<'a> ModelSpec<'a> {
    pub fn new(
        data: &'a DataConfig,
        kind: &'static str,
        config: &impl Serialize,
        train: &'a TrainConfig,
    ) -> Self {
        let key = Key::builder(kind, TRAINING_FORMAT).config(config);
        let shuffle_mb = data.shuffle_mb;
        // The default is left out, so that models of earlier versions keep their keys.
        let key = if shuffle_mb == DataConfig::default().shuffle_mb {
            key
        } else {
            key.config(&json!({ "shuffle_mb": shuffle_mb }))
        };
        Self { root: &data.root, kind, key, train, tokenizer: None }
    }

    /// The hash of the imported file, if the config names one.
    fn import(&self) -> Result<Option<String>> {
        let kind = self.kind;
        self.train.import_hash().with_context(|| {
            format!(
                "cannot read the file that [{kind}.train] import names \
                 (the model's work key contains its content)"
            )
        })
    }

    /// Starts the key of a model that is not pinned; the caller adds the other inputs.
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

    /// Checks the key in `pinned`; `None` if `pinned` is empty or `newest`.
    ///
    /// # Errors
    /// When no finished model has that key, or the model was made from another config.
    pub fn pinned(&self, pinned: &str) -> Result<Option<Key>> {
        if pinned.is_empty() || pinned == NEWEST {
            return Ok(None);
        }
        let dir = self.root.join("models").join(self.kind).join(pinned);
        let kind = self.kind;
        let record = read_record(&dir)?.with_context(|| {
            Usage(format!(
                "[pinned] {kind} = \"{pinned}\", but there is no finished model in {dir}: \
                 name another key, or \"newest\""
            ))
        })?;
        let key = self.key_of(&record, self.import()?.as_deref()).with_context(|| {
            Usage(format!(
                "[pinned] {kind} = \"{pinned}\", but that model was made from another config than \
                 [{kind}] (or with another [data] shuffle_mb or tokenizer, or by another version): \
                 use {dir}/config.toml, or name another key"
            ))
        })?;
        Ok(Some(key))
    }

    /// The key of the last finished model of this config.
    ///
    /// Of two models that finished in the same second, it is the one with the greater key.
    ///
    /// # Errors
    /// When the models cannot be listed, or the record of one cannot be read.
    pub fn newest(&self) -> Result<Option<Key>> {
        let dir = self.root.join("models").join(self.kind);
        let models = genie_store::list(&dir)?.directories;
        let import = self.import()?;
        let mut found = Vec::new();
        for path in models {
            let record = read_record(&path)?.filter(|record| path.file_name() == Some(&record.key));
            found.extend(record.and_then(|record| {
                Some((record.lineage.finished, self.key_of(&record, import.as_deref())?))
            }));
        }
        Ok(found
            .into_iter()
            .max_by(|(a, x), (b, y)| (a, x.as_str()).cmp(&(b, y.as_str())))
            .map(|(_, key)| key))
    }

    /// The key in a model's record, if config, tokenizer and imported weights are the same.
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
