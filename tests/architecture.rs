//! Holds the code to ARCHITECTURE.md: which room may use which, who may reach `FFmpeg`, where `unsafe` may stand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::binary;
use serde_json::Value;
use walkdir::WalkDir;

/// What `cargo metadata` says of this workspace.
struct Workspace {
    root: Utf8PathBuf,
    /// By package id, all that the build needs.
    packages: BTreeMap<String, Value>,
    /// By package id, its node in the graph.
    nodes: BTreeMap<String, Value>,
    /// Package ids by the room's directory: "libs/stage".
    rooms: BTreeMap<String, String>,
}

impl Workspace {
    fn read() -> Self {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        // For this host only: the build has downloaded what that needs, so that no network is needed here.
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
            list.as_array()
                .expect("a list")
                .iter()
                .map(|item| (text(&item["id"]).to_owned(), item.clone()))
                .collect()
        };
        let (packages, nodes) =
            (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
        let root = Utf8PathBuf::from(text(&metadata["workspace_root"]));
        let place = |id: &Value| {
            let manifest = Utf8Path::new(text(&packages[text(id)]["manifest_path"]));
            let directory = manifest
                .parent()
                .and_then(|dir| dir.strip_prefix(&root).ok())
                .expect("a member's directory");
            (directory.to_string(), text(id).to_owned())
        };
        let rooms =
            metadata["workspace_members"].as_array().expect("members").iter().map(place).collect();
        Self { root, packages, nodes, rooms }
    }

    fn name(&self, id: &str) -> &str {
        text(&self.packages[id]["name"])
    }

    /// The names of all packages that end up in a room's library or binary: normal dependencies, all the way.
    fn reach(&self, room: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![self.rooms[room].as_str()];
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

    /// The rooms that a room's manifest names, in tests too.
    fn uses(&self, room: &str) -> BTreeSet<&str> {
        let names: BTreeMap<&str, &str> =
            self.rooms.iter().map(|(room, id)| (self.name(id), room.as_str())).collect();
        let dependencies =
            self.packages[&self.rooms[room]]["dependencies"].as_array().expect("a list");
        dependencies
            .iter()
            .filter_map(|dependency| names.get(text(&dependency["name"])).copied())
            .collect()
    }

    /// Every source file of ours, from the root.
    fn sources(&self) -> Vec<Utf8PathBuf> {
        let mut sources = Vec::new();
        for room in self.rooms.keys() {
            for entry in WalkDir::new(self.root.join(room)).sort_by_file_name() {
                let entry = entry.expect("a readable directory");
                let path = Utf8Path::from_path(entry.path()).expect("a UTF-8 name");
                if path.extension() == Some("rs") {
                    sources.push(path.strip_prefix(&self.root).expect("a file in it").to_owned());
                }
            }
        }
        assert!(sources.len() > 100, "only {} source files found", sources.len());
        sources
    }

    fn read_file(&self, path: &Utf8Path) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// The cargo that runs this test, which has no lock that this one would wait for.
fn cargo(words: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(&cargo)
        .args(words)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", cargo.display()));
    assert!(
        output.status.success(),
        "cargo {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn host() -> String {
    let version = cargo(&["-vV"]);
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("cargo names its host")
        .to_owned()
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// What the table in ARCHITECTURE.md allows each room: rooms, or everything.
fn allowed(workspace: &Workspace) -> BTreeMap<String, BTreeSet<String>> {
    let libraries: BTreeSet<String> =
        workspace.rooms.keys().filter(|room| room.starts_with("libs/")).cloned().collect();
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, room, _, uses, _] = cells[..] else { return None };
        let room = quoted(room).pop()?;
        let uses = match uses {
            "nothing of ours" => BTreeSet::new(),
            "libs" => libraries.clone(),
            "everything" => workspace.rooms.keys().cloned().collect(),
            names => quoted(names).into_iter().map(|name| format!("libs/{name}")).collect(),
        };
        Some((room, uses))
    };
    workspace
        .read_file("ARCHITECTURE.md".into())
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(row)
        .collect()
}

/// Would catch: a library that reaches for a stage, a stage that calls another instead of meeting it on disk, a library that
/// uses another behind the page's back, a new room that the page does not know.
#[test]
fn rooms_use_only_what_the_page_allows() {
    let workspace = Workspace::read();
    let allowed = allowed(&workspace);
    let rooms = |map: Vec<&String>| map.into_iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        rooms(allowed.keys().collect()),
        rooms(workspace.rooms.keys().collect()),
        "ARCHITECTURE.md's table and the workspace's members"
    );
    for (room, may) in &allowed {
        let forbidden: Vec<_> =
            workspace.uses(room).into_iter().filter(|used| !may.contains(*used)).collect();
        assert!(forbidden.is_empty(), "{room} uses {forbidden:?}; ARCHITECTURE.md allows {may:?}");
        // Whatever the page says.
        assert!(
            !room.starts_with("libs/") || may.iter().all(|used| used.starts_with("libs/")),
            "{room} uses a stage"
        );
    }
}

/// Would catch: a GPU host without `FFmpeg` on which training does not start, because a library pulled it in.
#[test]
fn only_ingest_reaches_ffmpeg() {
    let workspace = Workspace::read();
    for room in workspace.rooms.keys() {
        let reached: Vec<_> =
            workspace.reach(room).into_iter().filter(|name| name.contains("ffmpeg")).collect();
        if room == "ingest" {
            assert_eq!(reached, ["ffmpeg-next", "ffmpeg-sys-next"], "the graph is read rightly");
        } else {
            assert!(reached.is_empty(), "{room} reaches {reached:?}");
        }
    }
}

/// Would catch: what the graph does not show, such as a build script that links it.
#[test]
fn only_ingest_links_ffmpeg() {
    for name in ["genie", "genie-tokenize", "genie-train", "genie-evaluate"] {
        let Ok(output) = Command::new("readelf").arg("-d").arg(binary(name)).output() else {
            eprintln!("no readelf here: not checked");
            return;
        };
        let sections = String::from_utf8_lossy(&output.stdout);
        assert!(
            sections.contains("libc.so"),
            "readelf of {name} shows what is linked:\n{sections}"
        );
        for library in ["libav", "libsw", "libpostproc"] {
            assert!(!sections.contains(library), "{name} links {library}*:\n{sections}");
        }
    }
}

/// Would catch: Burn in a program that only starts others, or in ingest: minutes of compiling and a larger attack surface
/// for nothing; SQL in a program that asks nothing, five times its size.
#[test]
fn what_needs_no_model_does_not_reach_burn_nor_what_needs_no_sql_datafusion() {
    let workspace = Workspace::read();
    for (room, unwanted) in [
        ("ingest", "burn"),
        ("pipelines", "burn"),
        ("pipelines", "datafusion"),
        ("libs/model", "datafusion"),
        ("evaluate", "datafusion"),
    ] {
        assert!(!workspace.reach(room).contains(unwanted), "{room} reaches {unwanted}");
    }
    assert!(workspace.reach("train").contains("burn"), "the graph is read rightly");
}

/// Would catch: undefined behaviour's way in: a second file with the keyword, or a crate that does not take the workspace's lints
/// over and so is allowed to.
#[test]
fn one_file_may_be_unsafe() {
    let workspace = Workspace::read();
    let keyword = concat!("un", "safe");
    let in_code = |line: &str| {
        let code = line.split("//").next().unwrap_or("");
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == keyword)
    };
    let uses = |path: &Utf8PathBuf| workspace.read_file(path).lines().any(in_code);
    let found: Vec<_> = workspace.sources().into_iter().filter(uses).collect();
    assert_eq!(found, ["ingest/src/decode/ffi.rs"]);
    for room in workspace.rooms.keys() {
        let manifest = workspace.read_file(&Utf8Path::new(room).join("Cargo.toml"));
        assert!(
            manifest.contains("[lints]\nworkspace = true\n"),
            "{room}/Cargo.toml does not take the workspace's lints"
        );
    }
    assert!(workspace.read_file("Cargo.toml".into()).contains("unsafe_code = \"deny\""));
}

/// Would catch: a file that does not say what it is.
#[test]
fn every_file_says_what_it_is() {
    let workspace = Workspace::read();
    let silent = |path: &Utf8PathBuf| !workspace.read_file(path).starts_with("//! ");
    let found: Vec<_> = workspace.sources().into_iter().filter(silent).collect();
    assert!(found.is_empty(), "do not begin with `//! ` and what they are: {found:?}");
}

/// Would catch: logic in a `main.rs`, where no test and no other program can reach it.
#[test]
fn a_stage_is_a_thin_main_over_a_library() {
    let workspace = Workspace::read();
    for room in ["ingest", "tokenize", "train", "evaluate", "pipelines"] {
        let main = workspace.read_file(&Utf8Path::new(room).join("src/main.rs"));
        let lines = main.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 10, "{room}/src/main.rs has {lines} lines");
        assert!(
            main.contains("genie_stage::main!("),
            "{room}/src/main.rs does not leave by the common exit codes"
        );
        assert!(workspace.root.join(room).join("src/lib.rs").is_file(), "{room} has no library");
    }
}
