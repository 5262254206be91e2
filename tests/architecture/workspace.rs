//! The workspace under test: its crates, their dependencies and their files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use walkdir::WalkDir;

/// The workspace as `cargo metadata` describes it.
pub struct Workspace {
    pub root: Utf8PathBuf,
    /// Every package that the build needs, by package id.
    packages: BTreeMap<String, Value>,
    /// The node of every package in the dependency graph, by package id.
    nodes: BTreeMap<String, Value>,
    /// Package ids of our crates, by their folder: `libs/stage`.
    crates: BTreeMap<String, String>,
}

impl Workspace {
    pub fn read() -> Self {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        // The build has downloaded what this host needs. Other hosts would need the network.
        let host = format!("--filter-platform={}", host());
        let json = cargo(&[
            "metadata",
            "--format-version=1",
            "--locked",
            "--manifest-path",
            manifest,
            &host,
        ]);
        let metadata: Value = serde_json::from_str(&json).expect("metadata is JSON");
        let by_id = |list: &Value| -> BTreeMap<String, Value> {
            let items = list.as_array().expect("a list").iter();
            items.map(|item| (text(&item["id"]).to_owned(), item.clone())).collect()
        };
        let packages = by_id(&metadata["packages"]);
        let nodes = by_id(&metadata["resolve"]["nodes"]);
        let root = Utf8PathBuf::from(text(&metadata["workspace_root"]));
        let folder = |id: &Value| {
            let manifest = Utf8Path::new(text(&packages[text(id)]["manifest_path"]));
            let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&root).ok());
            (folder.expect("a member's folder").to_string(), text(id).to_owned())
        };
        let members = metadata["workspace_members"].as_array().expect("members");
        let crates = members.iter().map(folder).collect();
        Self { root, packages, nodes, crates }
    }

    /// The folders of all crates: `libs/stage`.
    pub fn crates(&self) -> impl Iterator<Item = &String> {
        self.crates.keys()
    }

    /// The package name of the crate in a folder.
    pub fn package(&self, folder: &str) -> &str {
        self.name(&self.crates[folder])
    }

    /// Every dependency of the selected crates, each with the features that Cargo selects for it.
    pub fn features(&self, selection: &[&str]) -> BTreeSet<String> {
        let manifest = self.root.join("Cargo.toml");
        let mut words = vec!["tree", "--locked", "--prefix=none", "--format={p} with {f}"];
        words.extend(["--edges=normal,build,dev", "--manifest-path", manifest.as_str()]);
        words.extend(selection);
        let tree = cargo(&words);
        // `(*)` marks a dependency whose own dependencies were listed before.
        let lines = tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned());
        lines.filter(|line| !line.contains(self.root.as_str())).collect()
    }

    fn name(&self, id: &str) -> &str {
        text(&self.packages[id]["name"])
    }

    /// The names of all packages in a crate's library or binary.
    pub fn reach(&self, folder: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![self.crates[folder].as_str()];
        while let Some(id) = waiting.pop() {
            if !seen.insert(id) {
                continue;
            }
            for dependency in self.nodes[id]["deps"].as_array().expect("a list") {
                let kinds = dependency["dep_kinds"].as_array().expect("a list");
                if kinds.iter().any(|kind| kind["kind"].is_null()) {
                    waiting.push(text(&dependency["pkg"]));
                }
            }
        }
        seen.into_iter().map(|id| self.name(id)).collect()
    }

    /// The folders of our crates that a crate's manifest names, for its tests too.
    pub fn uses(&self, folder: &str) -> BTreeSet<&str> {
        let folders: BTreeMap<&str, &str> =
            self.crates.iter().map(|(folder, id)| (self.name(id), folder.as_str())).collect();
        let dependencies = &self.packages[&self.crates[folder]]["dependencies"];
        let names = dependencies.as_array().expect("a list").iter();
        names.filter_map(|dependency| folders.get(text(&dependency["name"])).copied()).collect()
    }

    /// Every Rust file of our crates, relative to the root.
    pub fn sources(&self) -> Vec<Utf8PathBuf> {
        let sources: Vec<_> = self.files().into_iter().filter(|path| is(path, "rs")).collect();
        assert!(sources.len() > 100, "only {} source files found", sources.len());
        sources
    }

    /// Every file that we wrote, relative to the root.
    ///
    /// Outputs and hidden folders are skipped, except `.ci` and `.github`.
    pub fn files(&self) -> Vec<Utf8PathBuf> {
        let ours = |entry: &walkdir::DirEntry| {
            let name = entry.file_name().to_string_lossy();
            let output = entry.depth() == 1 && ["target", "data", "runs"].contains(&&*name);
            let hidden = name.starts_with('.') && ![".ci", ".github"].contains(&&*name);
            entry.depth() == 0 || (!output && !hidden && name != "__pycache__")
        };
        let walk = WalkDir::new(&self.root).sort_by_file_name().into_iter().filter_entry(ours);
        let entries = walk.map(|entry| entry.expect("a readable folder"));
        let path = |entry: walkdir::DirEntry| {
            let path = Utf8Path::from_path(entry.path()).expect("a UTF-8 name");
            path.strip_prefix(&self.root).expect("a file in the workspace").to_owned()
        };
        entries.filter(|entry| entry.file_type().is_file()).map(path).collect()
    }

    pub fn read_file(&self, path: &Utf8Path) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Whether a file's name ends with `.extension`.
pub fn is(path: &Utf8Path, extension: &str) -> bool {
    path.extension() == Some(extension)
}

/// Runs the cargo that runs this test. The commands used here take no lock.
pub fn cargo(words: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo)
        .args(words)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", cargo.display()));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {words:?}: {stderr}");
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn host() -> String {
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("cargo names its host").to_owned()
}

#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string"))
}
