//! Tests on a store in memory.

use std::{fs, sync::Arc};

use camino::{Utf8Path, Utf8PathBuf};
use object_store::{ObjectStore, memory::InMemory};

use super::*;
use crate::{location::Location, mounts};

mod steps;

/// Two machines with one dataset, and directories that they remove at the end.
pub(crate) struct Machines {
    _guards: [tempfile::TempDir; 2],
    pub(crate) roots: [Utf8PathBuf; 2],
}

pub(crate) fn machines(cache_bytes: u64) -> Machines {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let guards = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let roots = [0, 1].map(|machine| {
        let root = Utf8Path::from_path(guards[machine].path()).unwrap().to_owned();
        let location = Location::parse("s3://bucket/data").unwrap();
        mounts::add(store.clone(), location, &root, cache_bytes);
        root
    });
    Machines { _guards: guards, roots }
}

fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// Catches: a machine sees its own copy of a file that another one changed or removed.
#[test]
fn small_files_are_those_of_the_store() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    assert_eq!(read(&ours.join("a/b")).unwrap(), None);
    write(&ours.join("a/b"), "one").unwrap();
    write(&theirs.join("a/b"), "two").unwrap();
    assert_eq!(read(&ours.join("a/b")).unwrap().unwrap(), b"two");
    assert!(refresh(&ours.join("a/b")).unwrap());
    assert_eq!(fs::read(ours.join("a/b")).unwrap(), b"two");
    append(&ours.join("log"), "first").unwrap();
    append(&theirs.join("log"), "second").unwrap();
    assert_eq!(read(&ours.join("log")).unwrap().unwrap(), b"first\nsecond\n");
    let listing = list(ours).unwrap();
    assert_eq!(
        (listing.files, listing.directories),
        (vec![ours.join("log")], vec![ours.join("a")])
    );
    remove_file(&theirs.join("a/b")).unwrap();
    assert!(!refresh(&ours.join("a/b")).unwrap() && !ours.join("a/b").exists());
    remove_dir(&theirs.join("a")).unwrap();
    assert_eq!(list(&ours.join("a")).unwrap(), Listing::default());
}

/// Catches: two machines both create a version; a writer that meets its own content believes that
/// another one was faster.
#[test]
fn one_of_two_machines_creates_a_file() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    assert!(create(&ours.join("version"), "ours").unwrap());
    assert!(!create(&theirs.join("version"), "theirs").unwrap());
    assert!(create(&ours.join("version"), "ours").unwrap());
    assert_eq!(read(&theirs.join("version")).unwrap().unwrap(), b"ours");
}

/// Catches: a published file is not uploaded, or is fetched without a check of its content; a
/// damaged object is found only on the machine that has no copy.
#[test]
fn a_published_file_is_fetched_and_checked() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let name = format!("shard-{}.parquet", &hash(b"rows")[..16]);
    let (our_path, their_path) = (ours.join(&name), theirs.join(&name));
    fs::write(&our_path, "rows").unwrap();
    assert!(fetch(&their_path, 4, &hash(b"rows")).unwrap_err().is_missing());
    publish(&our_path, 4, &hash(b"rows")).unwrap();
    open(&their_path, 4, &hash(b"rows")).unwrap();
    assert_eq!(fs::read(&their_path).unwrap(), b"rows");
    // Not through `publish`: the object is damaged in the store.
    write(&theirs.join("copy"), "rows").unwrap();
    fs::remove_file(&their_path).unwrap();
    crate::mounts::find(&their_path).unwrap().mount.remote.put(&name, &"damaged".into()).unwrap();
    assert_eq!(stored_hash(&our_path).unwrap(), hash(b"damaged"));
    assert!(matches!(open(&their_path, 7, &hash(b"rows")), Err(Error::Damaged { .. })));
    assert!(!their_path.exists());
    remove_file(&our_path).unwrap();
    assert!(stored_hash(&our_path).unwrap_err().is_missing());
}

/// Catches: a commit that is repeated fails, because the copy of its file was evicted meanwhile; a
/// file that was never uploaded counts as published.
#[test]
fn an_evicted_copy_is_published() {
    let Machines { roots: [ours, _], .. } = &machines(1 << 20);
    let path = ours.join(format!("shard-{}.parquet", &hash(b"rows")[..16]));
    fs::write(&path, "rows").unwrap();
    publish(&path, 4, &hash(b"rows")).unwrap();
    fs::remove_file(&path).unwrap();
    publish(&path, 4, &hash(b"rows")).unwrap();
    assert!(matches!(publish(&path, 5, &hash(b"rows")), Err(Error::Io { .. })));
    let other = ours.join("other.parquet");
    assert!(publish(&other, 4, &hash(b"rows")).unwrap_err().is_missing());
    fs::write(&other, "rows").unwrap();
    assert!(matches!(publish(&other, 5, &hash(b"rows")), Err(Error::Damaged { .. })));
}

/// Catches: reading a footer copies the whole file; a part is cut off or moved, at the end of the
/// file or between two requests.
#[test]
fn parts_are_read_without_a_copy() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 30);
    let content: Vec<u8> = (0..1_000_003_u32).map(|n| (n / 7 % 251) as u8).collect();
    let name = format!("shard-{}.parquet", &hash(&content)[..16]);
    fs::write(ours.join(&name), &content).unwrap();
    let bytes = content.len() as u64;
    publish(&ours.join(&name), bytes, &hash(&content)).unwrap();
    for root in [ours, theirs] {
        let file = open_parts(&root.join(&name), bytes).unwrap();
        assert_eq!(file.bytes(), bytes);
        for (start, length) in
            [(999_995, 8), (999_000, 900), (0, 4), (131_070, 10), (5, 400_000), (1_000_003, 1)]
        {
            let end = content.len().min(start + length);
            let part = file.read(start as u64, length).unwrap();
            assert!(part[..] == content[start..end], "{start} {length}");
        }
        assert_eq!(file.read(999_995, 100).unwrap()[..], content[999_995..]);
    }
    assert!(!theirs.join(&name).exists());
    assert!(open_parts(&theirs.join("none"), 4).unwrap().read(0, 4).unwrap_err().is_missing());
}

/// Catches: `gc` deletes a directory of another model at once, although another machine reads it; a
/// directory that is used again goes later all the same.
#[test]
fn a_directory_is_marked_before_it_is_deleted() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let dir = |root: &Utf8Path| root.join("tokens/key");
    write(&dir(ours).join("step.json"), "{}").unwrap();
    assert_eq!(unused_since(&dir(ours)).unwrap(), None);
    mark_unused(&dir(ours));
    assert!(unused_since(&dir(theirs)).unwrap().is_some());
    assert_eq!(list(&theirs.join("tokens")).unwrap().directories, [dir(theirs)]);
    mark_used(&dir(theirs)).unwrap();
    assert_eq!(unused_since(&dir(ours)).unwrap(), None);
    mark_unused(&dir(ours));
    remove_dir(&dir(ours)).unwrap();
    assert_eq!(unused_since(&dir(ours)).unwrap(), None);
    assert_eq!(list(&theirs.join("tokens")).unwrap(), Listing::default());
}

/// Catches: copies fill the disk; files that are not uploaded yet are evicted; the copy that was
/// used last is evicted first.
#[test]
fn copies_are_bounded_and_drafts_stay() {
    let Machines { roots: [ours, theirs], .. } = &machines(100);
    let content = |n: u8| vec![n; 40];
    for n in 0..5 {
        let path = ours.join(format!("{}.parquet", &hash(&content(n))[..16]));
        fs::write(&path, content(n)).unwrap();
        publish(&path, 40, &hash(&content(n))).unwrap();
        fs::remove_file(&path).unwrap();
    }
    fs::write(theirs.join("not-uploaded.parquet"), content(9)).unwrap();
    let path = |n: u8| theirs.join(format!("{}.parquet", &hash(&content(n))[..16]));
    for n in 0..5 {
        open(&path(n), 40, &hash(&content(n))).unwrap();
        let left = (0..5).filter(|&n| path(n).exists()).count();
        assert!(left <= 2, "{left} copies");
        assert!(path(n).exists());
    }
    assert!(theirs.join("not-uploaded.parquet").exists());
}

/// Catches: `gc` removes a file that another machine may still read, because its age is that of its
/// upload, and not of its removal from the manifest.
#[test]
fn a_removed_entry_makes_a_file_young() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let path = ours.join("clips/a.parquet");
    write(&path, "rows").unwrap();
    let uploaded = inspect(&path).unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    mark_unused(&path);
    let marked = inspect(&theirs.join("clips/a.parquet")).unwrap().unwrap();
    assert!(marked.unused_since > uploaded.unused_since);
    assert!(discard(&theirs.join("clips/a.parquet")).unwrap());
    assert_eq!(list(&ours.join("clips")).unwrap(), Listing::default());
}

/// Catches: a path outside the mounted directories is treated as one inside.
#[test]
fn plain_files_stay_plain() {
    let Machines { roots: [ours, _], .. } = &machines(1 << 20);
    let guard = tempfile::tempdir().unwrap();
    let plain = Utf8Path::from_path(guard.path()).unwrap().join("x");
    assert!(is_mounted(&ours.join("a")) && !is_mounted(&plain));
    write(&plain, "content").unwrap();
    assert_eq!(fs::read(&plain).unwrap(), b"content");
    assert!(!create(&plain, "content").unwrap());
    assert_eq!(shown(&plain), plain);
    assert_eq!(shown(&ours.join("a")), "s3://bucket/data/a");
}
