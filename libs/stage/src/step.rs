//! Output directory of a step, and whether the step is done.
//!
//! A directory is done if its `step.json` contains the step's current key. The step writes that
//! file last, atomically. Without it, everything in the directory is unfinished work: a killed run
//! counts as not done, and the next run resumes it or starts again. `step.json` is also the lineage
//! of the output: inputs, tool, time, and a summary of the results.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::key::{Key, KeyBuilder};
use crate::lineage::{Clock, Lineage};
use crate::status::{StepState, StepStatus};

const RECORD: &str = "step.json";
const CONFIG: &str = "config.toml";

/// Content of `step.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub step: String,
    pub key: String,
    /// Keys or content hashes of the inputs, by name.
    pub inputs: Map<String, Value>,
    /// The config in the key.
    pub config: Value,
    #[serde(flatten)]
    pub lineage: Lineage,
    /// Summary of the step's results: losses, counts.
    pub summary: Value,
}

impl Record {
    /// Key of the finished work if it was `work` with any inputs, else `None`.
    ///
    /// It compares keys, not configs, because a number may change its last bit in JSON.
    #[must_use]
    pub fn key_of(&self, work: KeyBuilder) -> Option<Key> {
        let mut work = work;
        for (name, hash) in &self.inputs {
            work = work.input(name, hash.as_str()?);
        }
        Some(work.finish()).filter(|key| key.as_str() == self.key)
    }
}

/// Output directory of one step with one key.
#[derive(Debug, Clone)]
pub struct StepDir {
    path: Utf8PathBuf,
    key: Key,
    step: String,
    clock: Clock,
}

impl StepDir {
    /// Describes the output directory `path` of `key`; creates nothing.
    ///
    /// The clock of the step starts here. `path` is the whole path. Usually it ends in the key.
    pub fn open(path: impl Into<Utf8PathBuf>, key: &Key, step: impl Into<String>) -> Self {
        Self { path: path.into(), key: key.clone(), step: step.into(), clock: Clock::start() }
    }

    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Creates the directory.
    pub fn create(&self) -> genie_durable::Result<()> {
        genie_durable::create_dir(&self.path)
    }

    /// The path, after fetching the output that this machine lacks from the dataset's store.
    ///
    /// # Errors
    /// If a file cannot be fetched.
    pub fn fetched(&self) -> genie_store::Result<&Utf8Path> {
        genie_store::pull(&self.path)?;
        Ok(&self.path)
    }

    /// Uploads the output so far, if the dataset is in a store, so that any machine can resume.
    ///
    /// # Errors
    /// If a file cannot be uploaded.
    pub fn upload(&self) -> genie_store::Result<()> {
        genie_store::push(&self.path)
    }

    /// Whether exactly this work is finished.
    ///
    /// # Errors
    /// If the record cannot be read. Such a step may be finished, so it must not be repeated.
    pub fn is_done(&self) -> genie_store::Result<bool> {
        Ok(self.record()?.is_some_and(|record| record.key == self.key.as_str()))
    }

    /// Record of the last finished work in this directory, possibly with an earlier key.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn record(&self) -> genie_store::Result<Option<Record>> {
        read_record(&self.path)
    }

    /// Writes the resolved config beside the output.
    pub fn write_config(&self, toml: &impl fmt::Display) -> genie_store::Result<()> {
        genie_store::write(&self.path.join(CONFIG), toml.to_string())
    }

    /// Marks the step as done. Call it last: all output must already be on the disk.
    ///
    /// # Errors
    /// If the record cannot be written, or the output cannot be uploaded to the dataset's store.
    pub fn finish(&self, summary: Value) -> genie_store::Result<()> {
        let record = Record {
            step: self.step.clone(),
            key: self.key.to_string(),
            inputs: self.key.inputs().clone(),
            config: self.key.config().clone(),
            lineage: self.clock.lineage(),
            summary,
        };
        let path = self.path.join(RECORD);
        let json = serde_json::to_string_pretty(&record).map_err(|error| genie_durable::Error {
            path: path.clone(),
            operation: "write as JSON",
            source: error.into(),
        })?;
        self.upload()?;
        genie_store::write(&path, json + "\n")
    }

    /// Returns done, partial or missing.
    ///
    /// # Errors
    /// If the record or the directory cannot be read.
    pub fn state(&self) -> genie_store::Result<StepState> {
        Ok(if self.is_done()? {
            StepState::Done
        } else if self.has_begun()? {
            StepState::Partial
        } else {
            StepState::Missing
        })
    }

    /// Whether there is output, on this machine or in the dataset's store.
    fn has_begun(&self) -> genie_store::Result<bool> {
        let is_here = self.path.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if is_here {
            return Ok(true);
        }
        let stored = genie_store::list(&self.path)?;
        Ok(!(stored.files.is_empty() && stored.directories.is_empty()))
    }

    /// Line of this step in `status --json`, under the name of its subcommand.
    ///
    /// # Errors
    /// If the record or the directory cannot be read.
    pub fn status(&self, subcommand: &str) -> genie_store::Result<StepStatus> {
        Ok(StepStatus {
            step: subcommand.to_owned(),
            key: self.key.to_string(),
            dir: genie_store::shown(&self.path),
            state: self.state()?,
            needs: String::new(),
        })
    }
}

/// Reads the record in `dir`, if a step has finished there.
///
/// A damaged record counts as none, so the work is done again.
///
/// # Errors
/// If the record may exist, but cannot be read.
pub fn read_record(dir: &Utf8Path) -> genie_store::Result<Option<Record>> {
    let path = dir.join(RECORD);
    let Some(text) = genie_store::read(&path)? else { return Ok(None) };
    let record = serde_json::from_slice(&text).inspect_err(|error| {
        tracing::warn!("{path} is damaged ({error}); the step counts as not done");
    });
    Ok(record.ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use serde_json::json;

    fn key(width: u32) -> Key {
        Key::builder("lam", 1).config(&json!({ "width": width })).input("clips", "abc").finish()
    }

    fn temporary() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("out")).unwrap();
        (dir, path)
    }

    /// Catches: an unfinished directory counts as done; `open` changes the status.
    #[test]
    fn done_only_after_finish() {
        let (_dir, path) = temporary();
        let step = StepDir::open(&path, &key(8), "lam");
        assert_eq!(step.state().unwrap(), StepState::Missing);
        assert!(!path.exists());
        step.write_config(&"[lam]\nwidth = 8\n").unwrap();
        assert_eq!(step.state().unwrap(), StepState::Partial);
        step.finish(json!({"loss": 0.5})).unwrap();
        assert_eq!(step.state().unwrap(), StepState::Done);
    }

    /// Catches: output of an earlier config or input in the same directory counts as current.
    #[test]
    fn another_keys_record_is_not_ours() {
        let (_dir, path) = temporary();
        StepDir::open(&path, &key(8), "lam").finish(Value::Null).unwrap();
        assert!(!StepDir::open(&path, &key(16), "lam").is_done().unwrap());
    }

    /// Catches: a lineage field is missing from step.json.
    #[test]
    fn the_record_contains_the_lineage() {
        let (_dir, path) = temporary();
        StepDir::open(&path, &key(8), "lam").finish(json!({"loss": 0.5})).unwrap();
        let json: Value =
            serde_json::from_str(&fs::read_to_string(path.join("step.json")).unwrap()).unwrap();
        let fields: Vec<_> = json.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "step",
                "key",
                "inputs",
                "config",
                "tool_version",
                "git_revision",
                "started",
                "finished",
                "seconds",
                "summary"
            ]
        );
        assert_eq!(json["inputs"], json!({"clips": "abc"}));
        assert_eq!(json["config"], json!({"width": 8}));
        assert_eq!(json["summary"]["loss"], 0.5);
    }

    /// Catches: output of an older format or another config counts as the same work.
    #[test]
    fn a_record_knows_its_work() {
        let (_dir, path) = temporary();
        StepDir::open(&path, &key(8), "lam").finish(Value::Null).unwrap();
        let record = read_record(&path).unwrap().unwrap();
        let found = |step, format, width| {
            record
                .key_of(Key::builder(step, format).config(&json!({ "width": width })))
                .map(|key| key.to_string())
        };
        assert_eq!(found("lam", 1, 8), Some(key(8).to_string()));
        assert_eq!(
            [found("lam", 2, 8), found("lam", 1, 16), found("tokenizer", 1, 8)],
            [None, None, None]
        );
    }

    /// Catches: a damaged step.json ends the run instead of repeating the step.
    #[test]
    fn damaged_record_is_not_done() {
        let (_dir, path) = temporary();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("step.json"), "{\"step\": ").unwrap();
        assert_eq!(StepDir::open(&path, &key(8), "lam").state().unwrap(), StepState::Partial);
    }

    /// Catches: a finished step whose record cannot be read for the moment is done again.
    #[test]
    fn an_unreadable_record_is_an_error() {
        let (_dir, path) = temporary();
        // Reading a directory fails for every account, root included.
        fs::create_dir_all(path.join("step.json")).unwrap();
        let step = StepDir::open(&path, &key(8), "lam");
        assert!(step.is_done().is_err() && step.state().is_err() && step.status("lam").is_err());
    }
}
