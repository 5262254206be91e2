//! A dataset in a temporary directory, with a tiny config.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::tools::{self, Background, Ended, binary};

/// The name of the config file, in the directory in which the binaries run.
const CONFIG: &str = "tiny.toml";

/// A directory with a config file; its dataset root is `root`.
pub struct Dataset {
    dir: TempDir,
    /// Use one rayon thread, so that sums are equal to the last bit.
    single_thread: bool,
}

impl Default for Dataset {
    fn default() -> Self {
        Self::new()
    }
}

impl Dataset {
    /// A dataset without clips.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(CONFIG), include_str!("../tiny.toml")).expect("a config file");
        Self { dir, single_thread: false }
    }

    /// Runs every binary on one thread from now on.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        self.single_thread = true;
        self
    }

    /// The path of `name` in the directory in which the binaries run.
    pub fn path(&self, name: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        let dir =
            Utf8Path::from_path(self.dir.path()).expect("a temporary directory with a UTF-8 name");
        dir.join(name.as_ref())
    }

    fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = self.in_dir(binary(name));
        command.args(words);
        command
    }

    /// A command that runs in the directory of the dataset.
    fn in_dir(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env_remove("RUST_LOG").env_remove("RAYON_NUM_THREADS");
        if self.single_thread {
            command.env("RAYON_NUM_THREADS", "1");
        }
        command
    }

    /// Runs a binary with exactly these words.
    pub fn run(&self, name: &str, words: &[&str]) -> Ended {
        tools::run(self.command(name, words))
    }

    /// Runs `genie run` with these words added.
    pub fn pipeline(&self, words: &[&str]) -> Ended {
        self.run("genie", &[&["run", CONFIG], words].concat())
    }

    /// Starts [`Self::pipeline`] and does not wait for it.
    pub fn start_pipeline(&self, words: &[&str]) -> Background {
        Background::start(self.command("genie", &[&["run", CONFIG], words].concat()))
    }

    /// Starts [`Self::pipeline`] with SIGINT ignored, as `genie run … &` does in a script.
    pub fn start_pipeline_ignoring_interrupts(&self, words: &[&str]) -> Background {
        let mut shell = self.in_dir("sh");
        shell.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(binary("genie"));
        shell.args([&["run", CONFIG], words].concat());
        Background::start(shell)
    }

    /// Runs a stage's subcommand: `stage("train", "lam", &["--set", "lam.train.steps=9"])`.
    pub fn stage(&self, stage: &str, subcommand: &str, words: &[&str]) -> Ended {
        tools::run(self.stage_command(stage, subcommand, words))
    }

    /// Starts [`Self::stage`] and does not wait for it.
    pub fn start_stage(&self, stage: &str, subcommand: &str, words: &[&str]) -> Background {
        Background::start(self.stage_command(stage, subcommand, words))
    }

    fn stage_command(&self, stage: &str, subcommand: &str, words: &[&str]) -> Command {
        self.command(
            &format!("genie-{stage}"),
            &[&[subcommand, "--config", CONFIG], words].concat(),
        )
    }

    /// The rows that the catalog returns for a query.
    pub fn sql(&self, query: &str) -> Vec<Value> {
        let rows = self.stage("ingest", "sql", &["--format", "json", query]).expect(0).json();
        rows.as_array().expect("rows").clone()
    }

    /// What `genie status` prints, with these words added.
    pub fn status(&self, words: &[&str]) -> Steps {
        let rows =
            self.run("genie", &[&["status", CONFIG, "--json"], words].concat()).expect(0).json();
        let rows = rows.as_array().expect("a list of steps").iter();
        Steps(
            rows.map(|row| {
                (format!("{} {}", text(&row["stage"]), text(&row["step"])), row.clone())
            })
            .collect(),
        )
    }

    /// The report of the config with these words added.
    pub fn report(&self, words: &[&str]) -> Value {
        let path = self.path(self.status(words).dir("evaluate run")).join("report.json");
        let json = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&json).expect("a report is JSON")
    }

    /// Every file except lock files.
    pub fn files(&self) -> Files {
        let mut files = BTreeMap::new();
        for entry in WalkDir::new(self.dir.path()) {
            let entry = entry.expect("a readable directory");
            let path = Utf8Path::from_path(entry.path()).expect("a UTF-8 name");
            if entry.file_type().is_file()
                && path.extension() != Some("lock")
                && path.file_name() != Some(".lock")
            {
                let written = entry.metadata().expect("a file").modified().expect("its time");
                let name = path.strip_prefix(self.dir.path()).expect("a file in it").to_owned();
                files.insert(
                    name,
                    (written, blake3::hash(&fs::read(path).expect("a readable file"))),
                );
            }
        }
        files
    }
}

/// The time and the content of each file.
pub type Files = BTreeMap<Utf8PathBuf, (SystemTime, blake3::Hash)>;

/// What `genie status` prints about each step, by name ("tokenize fit").
pub struct Steps(BTreeMap<String, Value>);

impl Steps {
    #[track_caller]
    fn field(&self, step: &str, field: &str) -> &str {
        text(&self.0.get(step).unwrap_or_else(|| panic!("no step {step}"))[field])
    }

    /// The state: "done", "partial", "missing" or "waiting".
    #[track_caller]
    pub fn state(&self, step: &str) -> &str {
        self.field(step, "state")
    }

    /// The work key.
    #[track_caller]
    pub fn key(&self, step: &str) -> &str {
        self.field(step, "key")
    }

    /// The output directory, relative to the directory in which the binaries run.
    #[track_caller]
    pub fn dir(&self, step: &str) -> &str {
        self.field(step, "dir")
    }

    /// The steps in each state, in alphabetical order.
    pub fn all(&self, state: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(_, row)| row["state"] == state)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
