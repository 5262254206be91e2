//! A step's output directory: whose it is, and whether it is done.
//!
//! A directory is done when it holds a `step.json` that bears the step's current key, and that file is written last,
//! atomically. Whatever else lies there without it is work in progress: a killed run is seen as not done, and goes on
//! or begins anew. `step.json` is also the output's lineage: what went in, what made it, when, and its results in
//! short.

use std::fmt;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::key::{Key, KeyBuilder};
use crate::lineage::{Clock, Lineage};
use crate::status::{State, StepStatus};

const RECORD: &str = "step.json";
const CONFIG: &str = "config.toml";

/// What `step.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub step: String,
    pub key: String,
    /// Keys or content hashes of what went in, by name.
    pub inputs: Map<String, Value>,
    /// The config that the key was made from.
    pub config: Value,
    #[serde(flatten)]
    pub lineage: Lineage,
    /// The step's results in short: losses, counts.
    pub summary: Value,
}

impl Record {
    /// The key of the work that was finished, if it was `work`, whatever its inputs were. (Its config is compared by the key: numbers
    /// that went through JSON may differ in their last bit.)
    #[must_use]
    pub fn key_of(&self, work: KeyBuilder) -> Option<Key> {
        let mut work = work;
        for (name, hash) in &self.inputs {
            work = work.input(name, hash.as_str()?);
        }
        Some(work.finish()).filter(|key| key.as_str() == self.key)
    }
}

/// The output directory of one step under one key.
#[derive(Debug, Clone)]
pub struct StepDir {
    path: Utf8PathBuf,
    key: Key,
    step: String,
    clock: Clock,
}

impl StepDir {
    /// The directory `path` (the whole path, usually ending in the key) as `key`'s output. Creates nothing; the
    /// step's clock starts here.
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

    /// Makes the directory.
    pub fn create(&self) -> genie_durable::Result<()> {
        genie_durable::create_dir(&self.path)
    }

    /// Whether this very work has been finished here.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.record().is_some_and(|record| record.key == self.key.as_str())
    }

    /// What the last finished work here left, be it ours or an earlier key's.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        read_record(&self.path)
    }

    /// Writes the resolved config beside the output.
    pub fn write_config(&self, toml: &impl fmt::Display) -> genie_durable::Result<()> {
        genie_durable::write(self.path.join(CONFIG), toml.to_string())
    }

    /// Marks the step done. Call it last: everything the step made must already be on disk.
    pub fn finish(&self, summary: Value) -> genie_durable::Result<()> {
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
        genie_durable::write(path, json + "\n")
    }

    /// Done, begun, or not there.
    #[must_use]
    pub fn state(&self) -> State {
        if self.is_done() {
            State::Done
        } else if fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_some()) {
            State::Partial
        } else {
            State::Missing
        }
    }

    /// This step's line in `status --json`, under the name of its subcommand.
    #[must_use]
    pub fn status(&self, subcommand: &str) -> StepStatus {
        StepStatus {
            step: subcommand.to_owned(),
            key: self.key.to_string(),
            dir: self.path.to_string(),
            state: self.state(),
            needs: String::new(),
        }
    }
}

/// The record in `dir`, if a step was finished there. An unreadable one counts as none: the work is done again.
#[must_use]
pub fn read_record(dir: &Utf8Path) -> Option<Record> {
    let path = dir.join(RECORD);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!("{path} cannot be read ({error}): taken as not done");
            return None;
        }
    };
    serde_json::from_str(&text)
        .inspect_err(|error| tracing::warn!("{path} is damaged ({error}): taken as not done"))
        .ok()
}

#[cfg(test)]
mod tests {
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

    /// Would catch: a half-written directory taken for a finished one, and `open` leaving traces in `status`.
    #[test]
    fn done_only_after_finish() {
        let (_dir, path) = temporary();
        let step = StepDir::open(&path, &key(8), "lam");
        assert_eq!(step.state(), State::Missing);
        assert!(!path.exists());
        step.write_config(&"[lam]\nwidth = 8\n").unwrap();
        assert_eq!(step.state(), State::Partial);
        step.finish(json!({"loss": 0.5})).unwrap();
        assert_eq!(step.state(), State::Done);
    }

    /// Would catch: output of an earlier config or input in the same directory taken for ours.
    #[test]
    fn another_keys_record_is_not_ours() {
        let (_dir, path) = temporary();
        StepDir::open(&path, &key(8), "lam").finish(Value::Null).unwrap();
        assert!(!StepDir::open(&path, &key(16), "lam").is_done());
    }

    /// Would catch: a lineage field going missing from step.json.
    #[test]
    fn the_record_tells_the_lineage() {
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

    /// Would catch: an output of an older format, or of another config, taken for the same work on other inputs.
    #[test]
    fn a_record_knows_its_work() {
        let (_dir, path) = temporary();
        StepDir::open(&path, &key(8), "lam").finish(Value::Null).unwrap();
        let record = read_record(&path).unwrap();
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

    /// Would catch: a damaged step.json ending the run instead of the step being done again.
    #[test]
    fn damaged_record_is_not_done() {
        let (_dir, path) = temporary();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("step.json"), "{\"step\": ").unwrap();
        assert_eq!(StepDir::open(&path, &key(8), "lam").state(), State::Partial);
    }
}
