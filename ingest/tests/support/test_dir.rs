//! Shared by the tests of the built binary: a directory with sample videos, and running it there.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::{Clip, ClipRow, ClipStore, SourceRow, Split, read_clip_rows, read_sources};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A temporary directory with a dataset root and videos.
pub struct TestDir {
    directory: TempDir,
    /// The `--set` arguments of every run.
    pub settings: Vec<String>,
}

impl TestDir {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dir = Self { directory, settings: Vec::new() };
        let settings = [
            format!("data.root={}", dir.path("root")),
            format!("data.videos=[\"{}\"]", dir.path("videos")),
            "ingest.width=32".to_owned(),
            "ingest.height=32".to_owned(),
        ];
        Self { settings: settings.to_vec(), ..dir }
    }

    /// Creates the directory with sample videos of 3 seconds.
    pub fn with_samples(episodes: u32) -> Self {
        let dir = Self::new();
        dir.sample(episodes, 3, 1);
        dir
    }

    pub fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().join(name)
    }

    pub fn root(&self) -> Utf8PathBuf {
        self.path("root")
    }

    pub fn sample(&self, episodes: u32, seconds: u32, seed: u64) {
        let out = self.path("videos");
        let (episodes, seed) = (episodes.to_string(), seed.to_string());
        let seconds = format!("sample.seconds={seconds}");
        let words = [
            "sample",
            "--out",
            out.as_str(),
            "--episodes",
            &episodes,
            "--seed",
            &seed,
            "--set",
            &seconds,
        ];
        assert_eq!(code(&self.start(&words)), 0);
    }

    /// Runs `genie-ingest run --replace` with further settings, so tests may change the config.
    pub fn run(&self, settings: &[&str]) -> Output {
        // The last setting of a key counts.
        let further = settings.iter().map(|&setting| setting.to_owned());
        Self::start_with(
            &["run", "--replace"],
            &self.settings.iter().cloned().chain(further).collect::<Vec<_>>(),
        )
    }

    pub fn start(&self, words: &[&str]) -> Output {
        Self::start_with(words, &self.settings)
    }

    /// Returns the command of `genie-ingest run` with further settings, without starting it.
    pub fn command(&self, settings: &[&str]) -> Command {
        let further = settings.iter().map(|&setting| setting.to_owned());
        Self::command_with(
            &["run"],
            &self.settings.iter().cloned().chain(further).collect::<Vec<_>>(),
        )
    }

    fn start_with(words: &[&str], settings: &[String]) -> Output {
        Self::command_with(words, settings).output().unwrap()
    }

    fn command_with(words: &[&str], settings: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_genie-ingest"));
        command.args(words);
        for setting in settings {
            command.args(["--set", setting]);
        }
        command
    }

    pub fn sql(&self, query: &str) -> String {
        let output = self.start(&["sql", query, "--format", "csv"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns everything that a run decides: the catalog's rows, and the frames of every clip.
    pub fn state(&self) -> (Vec<SourceRow>, Vec<ClipRow>, Vec<Clip>) {
        (
            read_sources(&self.root()).unwrap(),
            read_clip_rows(&self.root()).unwrap(),
            self.clips(None),
        )
    }

    /// Returns all published clips.
    pub fn clips(&self, split: impl Into<Option<Split>>) -> Vec<Clip> {
        let store = ClipStore::open(&self.root(), split).unwrap();
        (0..store.len()).map(|index| store.read(index).unwrap()).collect()
    }
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the names and contents of all files under a directory.
pub fn contents(directory: &Utf8Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().into_path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            files.push((path.to_string(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Returns the process ids of a process's children.
pub fn children(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name is in parentheses and may contain anything. After it come the state and the
        // parent.
        let after = stat.rsplit(") ").next().unwrap_or_default();
        after.split(' ').nth(1) == Some(parent.to_string().as_str())
    };
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.filter(is_child).collect()
}

/// Returns whether a process is a decoder that has a file open.
pub fn has_open(pid: u32, path: &std::path::Path) -> bool {
    // A new process has the files of its parent until it runs the decoder.
    let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if !command.contains("\0decoder\0") {
        return false;
    }
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|target| target == path)
}

/// Sends a signal to a process.
pub fn send(process: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Calls `find` until it returns a value, and returns that value.
pub fn wait_for<T>(limit: std::time::Duration, find: impl Fn() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(begun.elapsed() < limit, "it did not come within {limit:?}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
