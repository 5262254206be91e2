//! The manifest under writers that compete, die or are newer.

use super::*;
use crate::testing;

fn entry(root: &Utf8Path, file: &str, content: &str) -> Entry {
    fs::write(root.join(file), content).unwrap();
    let blake3 = blake3::hash(content.as_bytes()).to_hex().to_string();
    Entry { file: file.to_owned(), rows: 1, bytes: content.len() as u64, blake3 }
}

// Bug: read, change, write without a lock: of two writers' entries one is lost.
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

// Bug: a later format read as if it were this one, and overwritten.
#[test]
fn a_later_format_is_refused_by_readers_and_writers() {
    let (_dir, root) = testing::root();
    let text = r#"{"format": 99, "tables": "something else"}"#;
    fs::write(root.join(FILE), text).unwrap();
    assert!(matches!(Manifest::load(&root), Err(Error::Newer { found: 99, .. })));
    assert!(Manifest::commit(&root, |_| ()).is_err());
    assert_eq!(fs::read_to_string(root.join(FILE)).unwrap(), text);
}

// Bug: a damaged manifest taken for an empty one, so that everything is made again or, worse, collected.
#[test]
fn a_damaged_manifest_is_not_an_empty_one() {
    let (_dir, root) = testing::root();
    for text in ["", "{", r#"{"format": 1}"#] {
        fs::write(root.join(FILE), text).unwrap();
        assert!(matches!(Manifest::load(&root), Err(Error::Json { .. })), "{text}");
    }
}

// Bug: naming a file before it is there.
#[test]
fn what_is_named_must_exist() {
    let (_dir, root) = testing::root();
    let missing =
        Entry { file: "missing.parquet".to_owned(), rows: 1, bytes: 1, blake3: String::new() };
    assert!(Manifest::commit(&root, |manifest| manifest.add("clips", missing)).is_err());
    assert_eq!(Manifest::load(&root).unwrap(), Manifest::default());
}

// Bug: a copied manifest that makes readers, or a collection, reach outside the dataset.
#[test]
fn names_outside_the_directory_are_refused() {
    let (_dir, root) = testing::root();
    for file in ["../secret", "/etc/passwd", ""] {
        let text = format!(
            r#"{{"format":1,"tables":{{"clips":[{{"file":"{file}","rows":1,"bytes":1,"blake3":""}}]}}}}"#
        );
        fs::write(root.join(FILE), text).unwrap();
        assert!(matches!(Manifest::load(&root), Err(Error::Damaged { .. })), "{file}");
    }
}

// Bug: work keys that change with the order of commits, or that do not change with the content.
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

// Bug: leftovers of a commit beside the manifest, or a commit of nothing that touches it.
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
