//! A dataset in a temporary directory, with a tiny config.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use genie_shards::Manifest;
use serde_json::Value;
use tempfile::TempDir;
use walkdir::WalkDir;

use crate::playing::Playing;
use crate::tools::{self, Background, Ended, binary};

/// The file name of the config; the file is in the working directory of the binaries.
const CONFIG: &str = "tiny.toml";

/// Flags for videos of the sample game in `videos`, of which ingest makes five groups.
pub const ARRAY_SETS: &[&str] = &[
    "--set",
    "data.videos=[\"videos\"]",
    "--set",
    "sample.episodes=70",
    "--set",
    "sample.seconds=2",
];

/// A directory with a config file; its dataset root is `root`.
pub struct Dataset {
    dir: TempDir,
    /// Use one rayon thread, so that sums are equal to the last bit.
    single_thread: bool,
    /// Environment variables of every binary.
    environment: BTreeMap<&'static str, String>,
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
        Self { dir, single_thread: false, environment: BTreeMap::new() }
    }

    /// Runs every binary on one thread from now on.
    #[must_use]
    pub fn on_one_thread(mut self) -> Self {
        self.single_thread = true;
        self
    }

    /// Runs every binary with these environment variables, in addition to the others.
    pub fn set_environment(&mut self, environment: BTreeMap<&'static str, String>) {
        self.environment.extend(environment);
    }

    /// The path of `name` in the working directory of the binaries.
    pub fn path(&self, name: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        let dir =
            Utf8Path::from_path(self.dir.path()).expect("a temporary directory with a UTF-8 name");
        dir.join(name.as_ref())
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.in_dir(binary(name));
        command.args(arguments);
        command
    }

    /// A command that runs in the directory of the dataset.
    fn in_dir(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env_remove("RUST_LOG").env_remove("RAYON_NUM_THREADS");
        command.envs(&self.environment);
        if self.single_thread {
            command.env("RAYON_NUM_THREADS", "1");
        }
        command
    }

    /// Runs a binary with exactly these arguments.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Ended {
        tools::run(self.command(name, arguments))
    }

    /// Runs `genie run` with these additional arguments.
    pub fn pipeline(&self, arguments: &[&str]) -> Ended {
        self.run("genie", &[&["run", CONFIG], arguments].concat())
    }

    /// Starts [`Self::pipeline`] and does not wait for it.
    pub fn start_pipeline(&self, arguments: &[&str]) -> Background {
        Background::start(self.command("genie", &[&["run", CONFIG], arguments].concat()))
    }

    /// Starts [`Self::pipeline`] with SIGINT ignored, as `genie run … &` does in a script.
    pub fn start_pipeline_ignoring_interrupts(&self, arguments: &[&str]) -> Background {
        let mut shell = self.in_dir("sh");
        shell.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(binary("genie"));
        shell.args([&["run", CONFIG], arguments].concat());
        Background::start(shell)
    }

    /// Runs a stage's subcommand: `stage("train", "lam", &["--set", "lam.train.steps=9"])`.
    pub fn stage(&self, stage: &str, subcommand: &str, arguments: &[&str]) -> Ended {
        tools::run(self.stage_command(stage, subcommand, arguments))
    }

    /// Starts [`Self::stage`] and does not wait for it.
    pub fn start_stage(&self, stage: &str, subcommand: &str, arguments: &[&str]) -> Background {
        Background::start(self.stage_command(stage, subcommand, arguments))
    }

    fn stage_command(&self, stage: &str, subcommand: &str, arguments: &[&str]) -> Command {
        self.command(
            &format!("genie-{stage}"),
            &[&[subcommand, "--config", CONFIG], arguments].concat(),
        )
    }

    /// Starts `genie-play serve` with these additional arguments, on a free port.
    pub fn serve(&self, arguments: &[&str]) -> Playing {
        let listen = ["--listen", "127.0.0.1:0"];
        Playing::start(self.stage_command("play", "serve", &[&listen, arguments].concat()))
    }

    /// Starts `genie-ingest browse` with these additional arguments, on a free port.
    pub fn browse(&self, arguments: &[&str]) -> Playing {
        let listen = ["--listen", "127.0.0.1:0"];
        Playing::start(self.stage_command("ingest", "browse", &[&listen, arguments].concat()))
    }

    /// The rows that the catalog returns for a query.
    pub fn sql(&self, query: &str) -> Vec<Value> {
        let rows = self.stage("ingest", "sql", &["--format", "json", query]).expect(0).json();
        rows.as_array().expect("rows").clone()
    }

    /// The output of `genie status` with these additional arguments.
    pub fn status(&self, arguments: &[&str]) -> Steps {
        let rows = self
            .run("genie", &[&["status", CONFIG, "--json"], arguments].concat())
            .expect(0)
            .json();
        let rows = rows.as_array().expect("a list of steps").iter();
        Steps(
            rows.map(|row| {
                (format!("{} {}", text(&row["stage"]), text(&row["step"])), row.clone())
            })
            .collect(),
        )
    }

    /// The report in the directory that `genie status` prints with these additional arguments.
    pub fn report(&self, arguments: &[&str]) -> Value {
        let path = self.path(self.status(arguments).dir("evaluate run")).join("report.json");
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

/// Hashes of what a root publishes: clips and catalog, and each directory of tokens and actions.
///
/// Of the files, this reads only the manifests.
pub fn content_hashes(root: &Utf8Path) -> BTreeMap<String, String> {
    let below = |place: &str| {
        let items = root.join(place).read_dir_utf8().into_iter().flatten().flatten();
        items.map(Utf8DirEntry::into_path).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let hash = |dir: Utf8PathBuf| {
        let manifest = Manifest::load(&dir).unwrap_or_else(|error| panic!("{dir}: {error}"));
        assert!(manifest.entries().count() > 0, "{dir} is empty");
        let name = dir.strip_prefix(root).expect("a directory below the root").to_string();
        (name, manifest.content_hash())
    };
    [vec![root.to_owned()], below("tokens"), below("actions")]
        .concat()
        .into_iter()
        .map(hash)
        .collect()
}

/// The time of change and the hash of the content of each file.
pub type Files = BTreeMap<Utf8PathBuf, (SystemTime, blake3::Hash)>;

/// The output of `genie status` for each step; the keys are names such as "tokenize fit".
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

    /// The output directory, relative to the working directory of the binaries.
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
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}
