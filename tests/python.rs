//! The code of docs/python.md reads what the stages wrote.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use camino::Utf8Path;
use genie_shards::{ClipStore, Entry, Manifest, read_actions, read_tokens, tables};
use genie_tests::{Dataset, python};

/// Writes what the page's functions read: a file per clip and per window.
const DUMP: &str = r#"
import sys
root, token_directory, action_directory, out = sys.argv[1:]
out = pathlib.Path(out)
for row, (t, height, width, pixels) in clips(root):
    name = f"{row['clip_id']} {row['split']} {t} {height} {width}"
    (out / name).write_bytes(pixels)
for row, ids in tokens(token_directory):
    (out / f"{row['clip_id']} {row['first_frame']} tokens").write_bytes(ids.tobytes())
for row, codes in actions(action_directory):
    (out / f"{row['clip_id']} {row['first_frame']} codes").write_bytes(bytes(codes))
"#;

/// The Python code of a page.
fn code_of(page: &str) -> String {
    let blocks = page.split("```python\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

/// Catches: the page describes another layout of the files than the one that we write, or its code
/// skips or exchanges clips, frames, windows or tokens.
#[test]
fn the_page_reads_what_we_write() {
    let Some(python) = python("pyarrow, zstandard") else { return };
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest", "--stage", "tokenize"]).expect(0);
    dataset.stage("train", "lam", &[]).expect(0);
    dataset.stage("train", "label", &[]).expect(0);
    let root = dataset.path("root");
    // The models' keys contain the clips, so the directories are named before copies are published.
    let steps = dataset.status(&[]);
    make_segments(&root);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/python.md"));
    let script = dataset.path("read.py");
    fs::write(&script, code_of(&page.expect("the page")) + DUMP).expect("a script");
    let out = dataset.path("out");
    fs::create_dir(&out).expect("a directory");
    let (tokens, labels) =
        (dataset.path(steps.dir("tokenize encode")), dataset.path(steps.dir("train label")));
    let arguments = [script.as_str(), root.as_str(), tokens.as_str(), labels.as_str()];
    let output = Command::new(python).args(arguments).arg(&out).output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut expected = BTreeMap::new();
    let store = ClipStore::open(&root, None).expect("clips");
    for clip in (0..store.len()).map(|index| store.read(index).expect("a clip")) {
        let (id, split, frames) = (&clip.clip_id, clip.split, &clip.frames);
        let name = format!("{id} {split} {} {} {}", frames.t, frames.height, frames.width);
        expected.insert(name, clip.frames.data);
    }
    assert!(expected.len() > 2, "the test needs several clips");
    for window in read_tokens(&tokens).expect("tokens") {
        let bytes = window.tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
        expected.insert(format!("{} {} tokens", window.clip_id, window.first_frame), bytes);
    }
    for window in read_actions(&labels).expect("latent actions") {
        expected.insert(format!("{} {} codes", window.clip_id, window.first_frame), window.codes);
    }
    let found = files(&out);
    assert!(found.keys().eq(expected.keys()), "{:?}", found.keys());
    assert!(found == expected, "the contents differ");
}

/// Makes a manifest that has a segment with clips, and removals after it.
///
/// Copies of a shard are published. Then some of them are removed, with their files.
fn make_segments(root: &Utf8Path) {
    let manifest = Manifest::load(root).expect("a manifest");
    let entry = manifest.table(tables::CLIPS).first().expect("a shard");
    let bytes = fs::read(root.join(&entry.file)).expect("a readable shard");
    let named = |number| format!("clips/copy-{number:03}.parquet");
    let copy = |number: usize| Entry { file: named(number), ..entry.clone() };
    let copies: Vec<Entry> = (0..100).map(copy).collect();
    for copy in &copies {
        fs::write(root.join(&copy.file), &bytes).expect("a copy of the shard");
    }
    Manifest::commit(root, |manifest| {
        for copy in &copies {
            manifest.add(tables::CLIPS, copy.clone());
        }
    })
    .expect("a commit");
    let (removed, _) = copies.split_at(20);
    Manifest::commit(root, |manifest| {
        manifest.retain(tables::CLIPS, |entry| !removed.contains(entry));
    })
    .expect("a commit");
    for copy in removed {
        fs::remove_file(root.join(&copy.file)).expect("a file that can be removed");
    }
    let versions = files(&root.join("manifest"));
    let is_version = |name: &&String| Utf8Path::new(name.as_str()).extension() == Some("json");
    let newest = versions.keys().find(is_version).map(|name| &versions[name]).expect("a version");
    let newest = String::from_utf8_lossy(newest);
    assert!(newest.contains("segment-"), "the test needs a segment: {newest}");
    assert!(newest.contains("\"removed\": true"), "the test needs a removal: {newest}");
}

fn files(dir: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let entries = dir.read_dir_utf8().expect("a directory").map(|entry| entry.expect("a file"));
    let file = |entry: camino::Utf8DirEntry| {
        (entry.file_name().to_owned(), fs::read(entry.path()).expect("a readable file"))
    };
    entries.map(file).collect()
}
