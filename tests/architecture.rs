//! Holds the code to ARCHITECTURE.md and to the form of its language.
//!
//! The tests check dependencies between crates, imports between files, which crates reach `FFmpeg`,
//! and where `unsafe` code is. They also check the size of folders, the length of lines, the form
//! of doc comments, and the targets of links.

#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/links.rs"]
mod links;
#[path = "architecture/prose.rs"]
mod prose;
#[path = "architecture/workspace.rs"]
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::binary;
use workspace::{Workspace, is};

/// The largest number of entries in a folder of source files.
const ENTRIES: usize = 16;

/// Reads which crates each crate may use from the table in ARCHITECTURE.md.
fn allowed(workspace: &Workspace) -> BTreeMap<String, BTreeSet<String>> {
    let libraries = || workspace.crates().filter(|folder| folder.starts_with("libs/")).cloned();
    let quoted = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, folder, _, uses, _] = cells[..] else { return None };
        let folder = quoted(folder).pop()?;
        let uses = match uses {
            "none" => BTreeSet::new(),
            "libs" => libraries().collect(),
            "everything" => workspace.crates().cloned().collect(),
            names => quoted(names).into_iter().map(|name| format!("libs/{name}")).collect(),
        };
        Some((folder, uses))
    };
    let page = workspace.read_file("ARCHITECTURE.md".into());
    page.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// Catches: a library uses a stage, a stage uses another stage, a library uses another one without
/// permission, or ARCHITECTURE.md does not list a crate.
#[test]
fn crates_use_only_what_the_page_allows() {
    let workspace = Workspace::read();
    let allowed = allowed(&workspace);
    let listed: BTreeSet<&String> = allowed.keys().collect();
    let members: BTreeSet<&String> = workspace.crates().collect();
    assert_eq!(listed, members, "ARCHITECTURE.md's table and the workspace's members");
    for (folder, may) in &allowed {
        // Every crate depends on `libs/features`, which contains no code.
        let uses = workspace.uses(folder).into_iter().filter(|used| *used != "libs/features");
        let forbidden: Vec<_> = uses.filter(|used| !may.contains(*used)).collect();
        assert!(forbidden.is_empty(), "{folder} uses {forbidden:?}; the page allows {may:?}");
        // A library may never use a stage, even if the page allows it.
        let library = folder.starts_with("libs/");
        let uses_a_stage = may.iter().any(|used| !used.starts_with("libs/"));
        assert!(!library || !uses_a_stage, "{folder} is a library and uses a stage");
    }
}

/// Catches: training does not start on a GPU host without `FFmpeg`, because a library needs it.
#[test]
fn only_ingest_reaches_ffmpeg() {
    let workspace = Workspace::read();
    for folder in workspace.crates() {
        let reach = workspace.reach(folder).into_iter();
        let reached: Vec<_> = reach.filter(|name| name.contains("ffmpeg")).collect();
        if folder == "ingest" {
            assert_eq!(reached, ["ffmpeg-next", "ffmpeg-sys-next"], "the test reads the graph");
        } else {
            assert!(reached.is_empty(), "{folder} reaches {reached:?}");
        }
    }
}

/// Catches: a crate links to `FFmpeg`, and the dependency graph does not show it (a build script
/// can do that).
#[test]
fn only_ingest_links_ffmpeg() {
    for name in ["genie", "genie-tokenize", "genie-train", "genie-evaluate"] {
        let Ok(output) = Command::new("readelf").arg("-d").arg(binary(name)).output() else {
            eprintln!("skipped: there is no readelf on this machine");
            return;
        };
        let sections = String::from_utf8_lossy(&output.stdout);
        assert!(sections.contains("libc.so"), "readelf lists what {name} links:\n{sections}");
        for library in ["libav", "libsw", "libpostproc"] {
            assert!(!sections.contains(library), "{name} links {library}*:\n{sections}");
        }
    }
}

/// Catches: a program that does not need Burn or DataFusion contains it. Burn costs minutes of
/// compilation. DataFusion makes a binary five times as large.
#[test]
fn crates_reach_burn_and_datafusion_only_where_they_need_them() {
    let workspace = Workspace::read();
    for (folder, unwanted) in [
        ("ingest", "burn"),
        ("pipelines", "burn"),
        ("pipelines", "datafusion"),
        ("libs/model", "datafusion"),
        ("evaluate", "datafusion"),
    ] {
        assert!(!workspace.reach(folder).contains(unwanted), "{folder} reaches {unwanted}");
    }
    assert!(workspace.reach("train").contains("burn"), "the test reads the graph");
}

/// Catches: a second file contains `unsafe` code; a crate lacks the workspace's lints, which deny
/// it.
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
    for folder in workspace.crates() {
        let manifest = workspace.read_file(&Utf8Path::new(folder).join("Cargo.toml"));
        let lints = manifest.contains("[lints]\nworkspace = true\n");
        assert!(lints, "{folder}/Cargo.toml lacks the workspace's lints");
    }
    assert!(workspace.read_file("Cargo.toml".into()).contains("unsafe_code = \"deny\""));
}

/// Catches: `cargo test -p genie-ingest` compiles hundreds of dependencies a second time, because
/// one crate alone selects fewer features of them than the workspace does.
#[test]
fn one_crate_selects_the_features_of_the_workspace() {
    let workspace = Workspace::read();
    let whole = workspace.features(&["--workspace"]);
    assert!(whole.len() > 300, "only {} dependencies found", whole.len());
    for folder in workspace.crates() {
        let alone = workspace.features(&["--package", workspace.package(folder)]);
        let other: Vec<_> = alone.difference(&whole).collect();
        let advice = "add what the workspace selects to libs/features/Cargo.toml";
        assert!(other.is_empty(), "{folder} alone selects other features ({advice}): {other:#?}");
    }
}

/// Catches: a `main.rs` contains logic, which no test and no other program can reach.
#[test]
fn a_stage_is_a_thin_main_over_a_library() {
    let workspace = Workspace::read();
    for folder in ["ingest", "tokenize", "train", "evaluate", "pipelines"] {
        let main = workspace.read_file(&Utf8Path::new(folder).join("src/main.rs"));
        let lines = main.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= 10, "{folder}/src/main.rs has {lines} lines");
        let exits = main.contains("genie_stage::main!(");
        assert!(exits, "{folder}/src/main.rs does not end with the common exit codes");
        assert!(
            workspace.root.join(folder).join("src/lib.rs").is_file(),
            "{folder} has no library"
        );
    }
}

/// Catches: two files cannot be understood one at a time, because each imports from the other.
#[test]
fn no_files_import_each_other() {
    let workspace = Workspace::read();
    let mut found = Vec::new();
    for folder in workspace.crates() {
        let imports = imports::of_crate(&workspace, folder);
        for cycle in imports::cycles(&imports) {
            let edges = cycle.iter().flat_map(|from| {
                let inside = imports[*from].iter().filter(|to| cycle.contains(&to.as_path()));
                inside.map(move |to| format!("  {from} imports from {to}"))
            });
            found.push(edges.collect::<Vec<_>>().join("\n"));
        }
    }
    assert!(found.is_empty(), "{} import cycles:\n{}", found.len(), found.join("\n\n"));
}

/// Catches: a test of imports reads nothing, and so finds no cycles.
#[test]
fn imports_are_read_through_re_exports_macros_and_relative_paths() {
    let workspace = Workspace::read();
    let imports = imports::of_crate(&workspace, "libs/shards");
    let error = imports.keys().find(|file| file.as_str().ends_with("/error.rs")).expect("errors");
    let users = imports.values().filter(|files| files.contains(error)).count();
    assert!(users > 5, "only {users} files import the errors: {imports:#?}");
}

/// Catches: a folder has more than [`ENTRIES`] entries; a file is called `mod.rs`, which hides the
/// name of its module.
#[test]
fn folders_are_small_and_modules_have_names() {
    let workspace = Workspace::read();
    let mut entries: BTreeMap<Utf8PathBuf, BTreeSet<String>> = BTreeMap::new();
    for path in workspace.sources() {
        assert!(path.file_name() != Some("mod.rs"), "{path}: name it after its module");
        // A module `x` is one entry: `x.rs` and the folder `x`.
        for (path, folder) in path.ancestors().zip(path.ancestors().skip(1)) {
            let name = path.file_stem().unwrap_or_default().to_owned();
            entries.entry(folder.to_owned()).or_default().insert(name);
        }
    }
    let large: Vec<_> = entries
        .iter()
        .filter(|(folder, names)| folder.as_str().contains("src") && names.len() > ENTRIES)
        .map(|(folder, names)| format!("{folder} has {} entries", names.len()))
        .collect();
    assert!(large.is_empty(), "more than {ENTRIES} entries: {large:#?}");
}

/// Catches: a line of code, a comment or prose is so long that a reader must scroll.
#[test]
fn lines_have_at_most_100_columns() {
    let workspace = Workspace::read();
    let read = |path: &Utf8PathBuf| {
        ["rs", "md", "py", "toml", "sh", "yml"].iter().any(|extension| is(path, extension))
            || ["Makefile", "run"].contains(&path.file_name().unwrap_or_default())
    };
    let mut found = Vec::new();
    for path in workspace.files().into_iter().filter(read) {
        let lines = prose::long_lines(&path, &workspace.read_file(&path));
        found.extend(lines.into_iter().map(|line| format!("{path}:{line}")));
    }
    assert!(found.is_empty(), "{} lines are too long: {found:#?}", found.len());
}

/// Catches: the index of `cargo doc` cuts a comment in mid-sentence; a file does not say what it
/// is; a test does not say which bug it catches.
#[test]
fn comments_have_the_form_that_readers_expect() {
    let workspace = Workspace::read();
    let mut found = Vec::new();
    for path in workspace.sources() {
        let source = workspace.read_file(&path);
        if !source.starts_with("//! ") {
            found.push(format!("{path}: does not begin with `//! ` and what the file is"));
        }
        found.extend(prose::doc_comments(&source).iter().map(|wrong| format!("{path}: {wrong}")));
        let tests = prose::test_comments(&source);
        let form = "the test's comment does not begin with `Catches: `";
        found.extend(tests.iter().map(|line| format!("{path}: line {line}: {form}")));
    }
    assert!(found.is_empty(), "{} comments: {found:#?}", found.len());
}

/// Catches: a link leads to a page or heading that was renamed or never written.
#[test]
fn links_in_markdown_lead_somewhere() {
    let workspace = Workspace::read();
    let pages = workspace.files().into_iter().filter(|path| is(path, "md"));
    let pages: BTreeMap<Utf8PathBuf, String> =
        pages.map(|path| (path.clone(), workspace.read_file(&path))).collect();
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for (file, anchor) in links::relative_links(text) {
            let folder = page.parent().unwrap_or(Utf8Path::new(""));
            let target = if file.is_empty() { page.clone() } else { joined(folder, &file) };
            let found = pages.get(&target).map_or_else(
                || workspace.root.join(&target).exists(),
                |text| anchor.is_empty() || links::anchors(text).contains(&anchor),
            );
            if !found {
                broken.push(format!("{page}: {file}#{anchor}"));
            }
        }
    }
    assert!(pages.len() > 10, "only {} pages found", pages.len());
    assert!(broken.is_empty(), "{} links lead nowhere: {broken:#?}", broken.len());
}

/// Catches: a file of black-box tests is no target of Cargo, so that its tests never run.
#[test]
fn every_test_file_is_a_target() {
    let workspace = Workspace::read();
    let manifest = workspace.read_file("tests/Cargo.toml".into());
    let is_test =
        |path: &Utf8PathBuf| path.parent() == Some(Utf8Path::new("tests")) && is(path, "rs");
    for path in workspace.files().into_iter().filter(is_test) {
        let name = path.file_name().expect("a file has a name");
        let target = format!("path = \"{name}\"");
        assert!(manifest.contains(&target), "tests/Cargo.toml has no target for {name}");
    }
}

/// Catches: the index of the log does not link to an entry.
#[test]
fn every_log_entry_is_in_the_index() {
    let workspace = Workspace::read();
    let index = workspace.read_file("docs/log/README.md".into());
    let linked: BTreeSet<String> =
        links::relative_links(&index).into_iter().map(|(file, _)| file).collect();
    let entry = |path: Utf8PathBuf| path.strip_prefix("docs/log").ok().map(ToString::to_string);
    let entries: Vec<String> = workspace.files().into_iter().filter_map(entry).collect();
    assert!(entries.len() > 10, "only {} entries found", entries.len());
    let missing: Vec<_> =
        entries.iter().filter(|name| *name != "README.md" && !linked.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/log/README.md does not link to {missing:?}");
}

/// Joins a folder and a relative path, and resolves `..` in it.
fn joined(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    let mut joined = folder.to_owned();
    for part in Utf8Path::new(path) {
        match part {
            "." => {}
            ".." => {
                joined.pop();
            }
            name => joined.push(name),
        }
    }
    joined
}

/// Catches: one name has several meanings, so that a reader takes one type for another.
#[test]
fn a_type_name_has_one_meaning() {
    let workspace = Workspace::read();
    let mut places: BTreeMap<String, BTreeSet<Utf8PathBuf>> = BTreeMap::new();
    let in_tests = |path: &str| path.contains("/tests") || path.contains("/testing");
    for path in workspace.sources() {
        if !path.as_str().contains("/src/") || in_tests(path.as_str()) {
            continue;
        }
        for line in workspace.read_file(&path).lines() {
            let Some(name) = prose::shared_type(line) else { continue };
            places.entry(name.to_owned()).or_default().insert(path.clone());
        }
    }
    // Every crate has its own error, and every stage its own command line.
    let common = ["Error", "Result", "Cli", "Command"];
    places.retain(|name, paths| paths.len() > 1 && !common.contains(&name.as_str()));
    assert!(places.is_empty(), "types of the same name: {places:#?}");
}
