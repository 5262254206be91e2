//! Tests of the manifest: concurrent writers, later formats, damage, hashes.

mod kills;
mod merges;
mod migration;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use super::{commit::FileOperation, *};
use crate::{error::Error, testing};

/// Writes a file and returns its entry.
fn entry(root: &Utf8Path, file: &str, content: &str) -> Entry {
    fs::write(root.join(file), content).unwrap();
    let blake3 = blake3::hash(content.as_bytes()).to_hex().to_string();
    Entry { file: file.to_owned(), rows: 1, bytes: content.len() as u64, blake3 }
}

/// Writes `count` files and returns their entries, sorted by file.
fn entries(root: &Utf8Path, count: usize) -> Vec<Entry> {
    (0..count).map(|n| entry(root, &format!("{n:04}.parquet"), &n.to_string())).collect()
}

fn add(root: &Utf8Path, table: &str, entries: &[Entry]) {
    Manifest::commit(root, |manifest| {
        for entry in entries {
            manifest.add(table, entry.clone());
        }
    })
    .unwrap();
}

/// The names of the files in a directory, sorted.
fn names(dir: &Utf8Path) -> Vec<String> {
    let mut names: Vec<String> =
        dir.read_dir_utf8().unwrap().map(|item| item.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

/// Catches: two writers do not lock each other out, so the entries of one are lost.
#[test]
fn concurrent_commits_lose_nothing() {
    let (_dir, root) = testing::root();
    let entries = entries(&root, 16 * 50);
    std::thread::scope(|scope| {
        for entries in entries.chunks(50) {
            let root = &root;
            let commit = |entry| add(root, "tokens", std::slice::from_ref(entry));
            scope.spawn(move || entries.iter().for_each(commit));
        }
        // A reader never loses the race for long, and sees whole commits only.
        scope.spawn(|| {
            let mut seen = 0;
            while seen < 800 {
                let now = Manifest::load(&root).unwrap().rows("tokens");
                assert!(now >= seen, "{now} files after {seen}");
                seen = now;
            }
        });
    });
    assert_eq!(Manifest::load(&root).unwrap().table("tokens"), entries);
}

/// Catches: without the lock (on another file system, or in an object store), one of two writers
/// replaces the version of the other.
#[test]
fn a_writer_that_lost_the_race_applies_its_edit_again() {
    let (_dir, root) = testing::root();
    let entries = entries(&root, 3);
    add(&root, "clips", &entries[..1]);
    let prepare = |n: usize| {
        let edit = |manifest: &mut ManifestEdit<'_>| manifest.add("clips", entries[n].clone());
        commit::prepare(&root, &Version::newest(&root).unwrap(), edit).unwrap().unwrap()
    };
    let slow = prepare(1);
    assert!(commit::run(prepare(2)).unwrap());
    assert!(!commit::run(slow).unwrap(), "version 2 exists");
    assert!(commit::run(prepare(1)).unwrap());
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), entries);
}

/// Catches: without the lock, a slow writer creates a version that others created and removed
/// since; its commit is lost although it looks successful, and it removes segments that are needed.
#[test]
fn a_writer_that_is_two_versions_late_applies_its_edit_again() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 180);
    add(&root, "clips", &all[..100]);
    let prepare = || {
        let edit = |manifest: &mut ManifestEdit<'_>| {
            all[102..].iter().for_each(|entry| manifest.add("clips", entry.clone()));
        };
        commit::prepare(&root, &Version::newest(&root).unwrap(), edit).unwrap().unwrap()
    };
    let (slow, killed) = (prepare(), prepare());
    let segment = &Version::newest(&root).unwrap().files(&root)[0];
    let removes = |operation: &FileOperation| match operation {
        FileOperation::Remove(path) => path == segment,
        _ => false,
    };
    assert!(slow.iter().any(removes), "the slow commit merges the segment");
    add(&root, "clips", &all[100..101]);
    add(&root, "clips", &all[101..102]);
    let published = Manifest::load(&root).unwrap();
    let second = Version::folder(&root).join("fffffffffffffffd.json");
    assert!(!second.exists(), "version 3 replaced version 2");

    assert!(!commit::run(slow).unwrap(), "version 3 exists");
    assert!(!second.exists());
    assert_eq!(Manifest::load(&root).unwrap(), published);

    // A kill after the file was created leaves an old version, which the next commit removes.
    let create = |operation: &FileOperation| matches!(operation, FileOperation::Create(..));
    let created = killed.iter().position(create).unwrap();
    assert!(commit::run(killed.into_iter().take(created + 1).collect()).unwrap());
    assert!(second.exists());
    assert_eq!(Manifest::load(&root).unwrap(), published);
    assert!(commit::run(prepare()).unwrap());
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), all);
    assert_eq!(version::files(&root).unwrap().len(), 1);
}

/// Catches: a commit removes a version that another process created after the commit began.
#[test]
fn a_commit_removes_no_version_after_its_base() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 4);
    add(&root, "clips", &all[..1]);
    // The edit runs after the base was read, and before the version is created.
    let edit = |manifest: &mut ManifestEdit<'_>| {
        add(&root, "clips", &all[1..2]);
        add(&root, "clips", &all[2..3]);
        manifest.add("clips", all[3].clone());
    };
    let operations =
        commit::prepare(&root, &Version::newest(&root).unwrap(), edit).unwrap().unwrap();
    assert!(!commit::run(operations).unwrap(), "version 3 exists");
    assert_eq!(names(&Version::folder(&root)), ["fffffffffffffffc.json"]);
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), &all[..3]);
}

/// Catches: a commit whose version was created returns an error because `manifest.json` cannot be
/// written, or no later commit writes it.
#[test]
fn a_commit_succeeds_without_its_marker_and_the_next_one_writes_it() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 3);
    add(&root, "clips", &all[..1]);
    let path = marker::path(&root);
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    add(&root, "clips", &all[1..2]);
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), &all[..2]);
    fs::remove_dir(&path).unwrap();
    add(&root, "clips", &all[2..]);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

/// Catches: `gc` deletes a file that lost its entry a moment ago, while readers still use it.
#[test]
fn files_that_lose_their_entry_are_young() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 2);
    add(&root, "clips", &all);
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let path = |entry: &Entry| root.join(&entry.file);
    for entry in &all {
        fs::File::open(path(entry)).unwrap().set_modified(old).unwrap();
    }
    Manifest::commit(&root, |manifest| {
        manifest.remove("clips", &all[0].file);
        manifest.remove("clips", "0009.parquet");
    })
    .unwrap();
    let modified = |entry| fs::metadata(path(entry)).unwrap().modified().unwrap();
    assert!(modified(&all[0]).elapsed().unwrap_or_default() < Duration::from_hours(1));
    assert_eq!(modified(&all[1]), old, "it still has its entry");
}

/// Catches: a version file with another version's name makes the next commit try for ever, or the
/// number after the largest one overflows.
#[test]
fn a_version_under_another_name_is_refused() {
    let (_dir, root) = testing::root();
    let all = entries(&root, 2);
    add(&root, "clips", &all[..1]);
    let commit = || Manifest::commit(&root, |manifest| manifest.add("clips", all[1].clone()));
    let version = Version::newest(&root).unwrap();
    for name in ["fffffffffffffffc.json", "FFFFFFFFFFFFFFFE.json"] {
        let copy = Version::folder(&root).join(name);
        fs::copy(version.path(&root), &copy).unwrap();
        assert!(matches!(Manifest::load(&root), Err(Error::Damaged { .. })), "{name}");
        assert!(matches!(commit(), Err(Error::Damaged { .. })), "{name}");
        fs::remove_file(copy).unwrap();
    }
    let last = Version::new(u64::MAX, Vec::new(), Vec::new());
    fs::write(last.path(&root), last.to_text(&root).unwrap()).unwrap();
    assert!(matches!(commit(), Err(Error::Damaged { .. })));
    fs::remove_file(last.path(&root)).unwrap();
    commit().unwrap();
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), all);
}

/// Catches: a later format is read as this one, and overwritten.
#[test]
fn a_later_format_is_refused_by_readers_and_writers() {
    let (_dir, root) = testing::root();
    let text = r#"{"format": 99, "tables": "something else"}"#;
    let new = entry(&root, "a.parquet", "a");
    let refused = |path: &Utf8Path| {
        fs::write(path, text).unwrap();
        assert!(matches!(Manifest::load(&root), Err(Error::Newer { found: 99, .. })));
        assert!(Manifest::commit(&root, |manifest| manifest.add("clips", new.clone())).is_err());
        assert_eq!(fs::read_to_string(path).unwrap(), text);
        fs::remove_file(path).unwrap();
    };
    refused(&marker::path(&root));
    add(&root, "clips", std::slice::from_ref(&new));
    refused(&Version::newest(&root).unwrap().path(&root));
}

/// Catches: a damaged manifest counts as an empty one, so that all work is repeated or, worse, the
/// files are removed; an error does not name the damaged file.
#[test]
fn a_damaged_manifest_is_not_an_empty_one() {
    let (_dir, root) = testing::root();
    let damaged = |path: &Utf8Path, content: &[u8]| {
        let whole = fs::read(path).unwrap_or_default();
        fs::write(path, content).unwrap();
        let error = Manifest::load(&root).unwrap_err();
        assert!(error.to_string().contains(path.as_str()), "{error}");
        assert!(Manifest::commit(&root, |manifest| manifest.retain("clips", |_| false)).is_err());
        fs::write(path, whole).unwrap();
    };
    for text in ["", "{", r#"{"format": 1}"#] {
        damaged(&marker::path(&root), text.as_bytes());
    }
    fs::remove_file(marker::path(&root)).unwrap();
    let all = entries(&root, 100);
    add(&root, "clips", &all[..99]);
    add(&root, "clips", &all[99..]);
    let files = Version::newest(&root).unwrap().files(&root);
    let [segment, version] = &files[..] else { panic!("{files:?}") };
    for text in ["", "{", r#"{"format": 2}"#] {
        damaged(version, text.as_bytes());
    }
    let mut bytes = fs::read(segment).unwrap();
    bytes[300] ^= 1;
    damaged(segment, &bytes);
    damaged(segment, &bytes[..100]);
    assert_eq!(Manifest::load(&root).unwrap().table("clips"), all);

    let lost = segment.with_extension("lost");
    fs::rename(segment, &lost).unwrap();
    let error = Manifest::load(&root).unwrap_err();
    assert!(error.to_string().contains(segment.as_str()), "{error}");
    fs::remove_dir_all(Version::folder(&root)).unwrap();
    let error = Manifest::load(&root).unwrap_err();
    assert!(error.to_string().contains("the folder `manifest`"), "{error}");
}

/// Catches: an entry is accepted for a file that does not exist yet.
#[test]
fn published_files_must_exist() {
    let (_dir, root) = testing::root();
    let missing =
        Entry { file: "missing.parquet".to_owned(), rows: 1, bytes: 1, blake3: String::new() };
    assert!(Manifest::commit(&root, |manifest| manifest.add("clips", missing.clone())).is_err());
    assert_eq!(Manifest::load(&root).unwrap(), Manifest::default());
}

/// Catches: a copied manifest makes readers or `gc` use files outside the dataset.
#[test]
fn names_outside_the_directory_are_refused() {
    let (_dir, root) = testing::root();
    fs::create_dir(Version::folder(&root)).unwrap();
    for file in ["../secret", "/etc/passwd", ""] {
        let entry = format!(r#""file":"{file}","rows":1,"bytes":1,"blake3":"""#);
        let old = format!(r#"{{"format":1,"tables":{{"clips":[{{{entry}}}]}}}}"#);
        let [new, segment] = [
            format!(r#""segments":[],"changes":[{{"table":"clips",{entry}}}]"#),
            format!(r#""segments":[{{{entry}}}],"changes":[]"#),
        ]
        .map(|parts| format!(r#"{{"format":2,"version":1,{parts}}}"#));
        let version = Version::folder(&root).join("fffffffffffffffe.json");
        for (path, text) in [(marker::path(&root), old), (version.clone(), new), (version, segment)]
        {
            fs::write(&path, text).unwrap();
            let loaded = Manifest::load(&root);
            assert!(matches!(loaded, Err(Error::Damaged { .. })), "{file}: {loaded:?}");
            fs::remove_file(path).unwrap();
        }
    }
}

/// Catches: work keys depend on the order of commits, or do not depend on the content.
#[test]
fn the_content_hash_follows_content_alone() {
    let manifest = |files: &[(&str, &str, &str)]| {
        let (_dir, root) = testing::root();
        for (table, file, content) in files {
            add(&root, table, &[entry(&root, file, content)]);
        }
        Manifest::load(&root).unwrap()
    };
    let (a, b) = (("clips", "a", "a"), ("clips", "b", "b"));
    let both = manifest(&[a, b]);
    assert_eq!(both.content_hash(), manifest(&[b, a]).content_hash());
    assert_eq!(both.content_hash(), manifest(&[a, ("clips", "c", "b")]).content_hash());
    assert_ne!(both.content_hash(), manifest(&[a]).content_hash());
    let more = manifest(&[a, b, ("sources", "a", "a")]);
    assert_ne!(both.content_hash(), more.content_hash());
    assert_eq!(both.table_hash("clips"), more.table_hash("clips"));
    // Models of existing datasets have keys with these hashes.
    assert_eq!(
        both.table_hash("clips"),
        "a94e4546b55757b17017426196cb4b150230fe4d9b352a59a514c63e869d6229"
    );
}

/// Catches: a commit leaves old files of the manifest, or a commit without changes writes.
#[test]
fn a_commit_leaves_only_its_own_version() {
    let (_dir, root) = testing::root();
    let a = entry(&root, "a.parquet", "a");
    let versions = || names(&Version::folder(&root));
    for _ in 0..2 {
        add(&root, "clips", std::slice::from_ref(&a));
        assert_eq!(versions(), ["fffffffffffffffe.json"]);
    }
    Manifest::commit(&root, |manifest| manifest.retain("clips", |_| true)).unwrap();
    assert_eq!(versions(), ["fffffffffffffffe.json"]);
    Manifest::commit(&root, |manifest| manifest.retain("clips", |_| false)).unwrap();
    assert_eq!(versions(), ["fffffffffffffffd.json"]);
    assert_eq!(names(&root), [commit::LOCK, "a.parquet", "manifest", "manifest.json"]);
    assert_eq!(Manifest::load(&root).unwrap(), Manifest::default());
    Manifest::remove(&root).unwrap();
    assert_eq!(names(&root), [commit::LOCK, "a.parquet"]);
}
