//! Tests of the manifest: concurrent writers, killed writers, later formats.

use super::*;
use crate::testing;

fn entry(root: &Utf8Path, file: &str, content: &str) -> Entry {
    fs::write(root.join(file), content).unwrap();
    let blake3 = blake3::hash(content.as_bytes()).to_hex().to_string();
    Entry { file: file.to_owned(), rows: 1, bytes: content.len() as u64, blake3 }
}

/// Catches: two writers do not lock each other out, so the entries of one are lost.
#[test]
fn concurrent_commits_lose_nothing() {
    let (_dir, root) = testing::root();
    let entries: Vec<Entry> =
        (0..16).map(|i| entry(&root, &format!("{i}.parquet"), &i.to_string())).collect();
    std::thread::scope(|scope| {
        for entry in &entries {
            scope.spawn(|| {
                Manifest::commit(&root, |manifest| manifest.add("tokens", entry.clone())).unwrap()
            });
        }
    });
    assert_eq!(Manifest::load(&root).unwrap().rows("tokens"), 16);
}

/// Catches: a later format is read as this one, and overwritten.
#[test]
fn a_later_format_is_refused_by_readers_and_writers() {
    let (_dir, root) = testing::root();
    let text = r#"{"format": 99, "tables": "something else"}"#;
    fs::write(root.join(FILE), text).unwrap();
    assert!(matches!(Manifest::load(&root), Err(Error::Newer { found: 99, .. })));
    assert!(Manifest::commit(&root, |_| ()).is_err());
    assert_eq!(fs::read_to_string(root.join(FILE)).unwrap(), text);
}

/// Catches: a damaged manifest counts as an empty one, so that all work is repeated or, worse, the
/// files are removed.
#[test]
fn a_damaged_manifest_is_not_an_empty_one() {
    let (_dir, root) = testing::root();
    for text in ["", "{", r#"{"format": 1}"#] {
        fs::write(root.join(FILE), text).unwrap();
        assert!(matches!(Manifest::load(&root), Err(Error::Json { .. })), "{text}");
    }
}

/// Catches: an entry is accepted for a file that does not exist yet.
#[test]
fn published_files_must_exist() {
    let (_dir, root) = testing::root();
    let missing =
        Entry { file: "missing.parquet".to_owned(), rows: 1, bytes: 1, blake3: String::new() };
    assert!(Manifest::commit(&root, |manifest| manifest.add("clips", missing)).is_err());
    assert_eq!(Manifest::load(&root).unwrap(), Manifest::default());
}

/// Catches: a copied manifest makes readers or `gc` use files outside the dataset.
#[test]
fn names_outside_the_directory_are_refused() {
    let (_dir, root) = testing::root();
    for file in ["../secret", "/etc/passwd", ""] {
        let text = format!(
            concat!(
                r#"{{"format":1,"tables":{{"clips":[{{"file":"{file}","#,
                r#""rows":1,"bytes":1,"blake3":""}}]}}}}"#
            ),
            file = file
        );
        fs::write(root.join(FILE), text).unwrap();
        assert!(matches!(Manifest::load(&root), Err(Error::Damaged { .. })), "{file}");
    }
}

/// Catches: work keys depend on the order of commits, or do not depend on the content.
#[test]
fn the_content_hash_follows_content_alone() {
    let (_dir, root) = testing::root();
    let (a, b) = (entry(&root, "a.parquet", "a"), entry(&root, "b.parquet", "b"));
    let manifest = |entries: &[&Entry]| {
        let mut manifest = Manifest::default();
        for &entry in entries {
            manifest.add("clips", entry.clone());
        }
        manifest
    };
    let both = manifest(&[&a, &b]);
    assert_eq!(both.content_hash(), manifest(&[&b, &a]).content_hash());
    let renamed = Entry { file: "c.parquet".to_owned(), ..b.clone() };
    assert_eq!(both.content_hash(), manifest(&[&a, &renamed]).content_hash());
    assert_ne!(both.content_hash(), manifest(&[&a]).content_hash());

    let mut more = both.clone();
    more.add("sources", a.clone());
    assert_ne!(both.content_hash(), more.content_hash());
    assert_eq!(both.table_hash("clips"), more.table_hash("clips"));
}

/// Catches: a commit leaves files beside the manifest, or a commit without changes writes.
#[test]
fn a_commit_leaves_only_the_manifest_and_its_lock() {
    let (_dir, root) = testing::root();
    let a = entry(&root, "a.parquet", "a");
    Manifest::commit(&root, |manifest| manifest.add("clips", a.clone())).unwrap();
    Manifest::commit(&root, |manifest| manifest.retain("clips", |_| false)).unwrap();
    let mut names: Vec<String> =
        root.read_dir_utf8().unwrap().map(|item| item.unwrap().file_name().to_owned()).collect();
    names.sort();
    assert_eq!(names, [LOCK, "a.parquet", FILE]);
    assert_eq!(Manifest::load(&root).unwrap(), Manifest::default());
}
