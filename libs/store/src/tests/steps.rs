//! The output of steps: two machines push and pull one directory.

use std::{fs, os::unix::fs::symlink};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Machines, machines};
use crate::{list, mounts::find, pull, push, read, write};

const STEP: &str = "models/lam/key";

/// Writes files of the step's directory on one machine.
fn fill(root: &Utf8Path, files: &[(&str, &str)]) -> Utf8PathBuf {
    let dir = root.join(STEP);
    for (name, content) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

/// The files of the step's directory on one machine that are no locks, with their contents.
fn files(root: &Utf8Path) -> Vec<(String, String)> {
    let dir = root.join(STEP);
    let found = walkdir::WalkDir::new(&dir).sort_by_file_name().into_iter().flatten();
    let found = found.filter(|entry| entry.file_type().is_file());
    let named = found.map(|entry| {
        let name = entry.path().strip_prefix(&dir).unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(entry.path()).unwrap())
    });
    named.filter(|(name, _)| Utf8Path::new(name).extension() != Some("lock")).collect()
}

fn owned(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
}

/// Catches: the output of a step lacks a file on another machine, or has locks, drafts and removed
/// checkpoints; the record comes before the files.
#[test]
fn the_output_of_a_step_is_copied() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let dir = fill(
        ours,
        &[
            ("config.toml", "a"),
            ("step-1/weights", "old"),
            (".lock", "x"),
            ("step.json", "{}"),
            (".step-3.partial/weights", "half"),
        ],
    );
    push(&dir).unwrap();
    fs::rename(dir.join("step-1"), dir.join("step-2")).unwrap();
    push(&dir).unwrap();
    let other = theirs.join(STEP);
    assert_eq!(read(&other.join("step.json")).unwrap(), None, "the caller writes it last");
    pull(&other).unwrap();
    assert_eq!(files(theirs), owned(&[("config.toml", "a"), ("step-2/weights", "old")]));
}

/// Catches: of two machines that train one model, a third one gets the weights of one and the
/// optimizer of the other; a machine that is behind removes newer checkpoints.
#[test]
fn checkpoints_of_two_machines_are_not_mixed() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let our_files = [("step-1/state", "1"), ("step-1/weights", "our weights")];
    let their_files = [("step-1/state", "2"), ("step-1/weights", "their weight")];
    let (our_dir, their_dir) = (fill(ours, &our_files), fill(theirs, &their_files));
    push(&our_dir).unwrap();
    push(&their_dir).unwrap();
    // Both go on. The one that is behind keeps its own state, and removes nothing.
    fill(ours, &[("step-2/state", "3"), ("step-2/weights", "our next")]);
    push(&our_dir).unwrap();
    push(&their_dir).unwrap();
    fs::remove_dir_all(&their_dir).unwrap();
    pull(&their_dir).unwrap();
    assert_eq!(files(theirs), files(ours));
    let stored = find(&our_dir).unwrap().mount.remote.all_below(STEP).unwrap();
    assert_eq!(stored.len(), 6, "the files of the slower machine are gone: {stored:?}");
}

/// Catches: a checkpoint of which a machine uploaded only some files is used, or keeps another
/// machine from uploading its own.
#[test]
fn a_checkpoint_without_its_list_is_not_there() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let remote = &find(&ours.join(STEP)).unwrap().mount.remote;
    let killed = format!("{STEP}/step-2/0123456789abcdef/weights");
    remote.put(&killed, &"half".into()).unwrap();
    let dir = fill(ours, &[("step-1/weights", "whole")]);
    push(&dir).unwrap();
    pull(&theirs.join(STEP)).unwrap();
    assert_eq!(files(theirs), owned(&[("step-1/weights", "whole")]));
    fill(theirs, &[("step-2/weights", "theirs"), ("step-3/weights", "next")]);
    push(&theirs.join(STEP)).unwrap();
    fs::remove_dir_all(&dir).unwrap();
    pull(&dir).unwrap();
    assert_eq!(files(ours), files(theirs));
}

/// Catches: a machine that resumes loses the lines of its log since the last upload; it keeps its
/// own files although another machine went further, or finished.
#[test]
fn the_machine_that_went_further_is_right() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let dir = fill(ours, &[("metrics.jsonl", "1"), ("step-1/weights", "a")]);
    push(&dir).unwrap();
    fill(ours, &[("metrics.jsonl", "1 2 3"), ("step-2/weights", "b")]);
    pull(&dir).unwrap();
    assert_eq!(fs::read_to_string(dir.join("metrics.jsonl")).unwrap(), "1 2 3");
    let other = theirs.join(STEP);
    pull(&other).unwrap();
    push(&dir).unwrap();
    pull(&other).unwrap();
    assert_eq!(fs::read_to_string(other.join("metrics.jsonl")).unwrap(), "1 2 3");
    // The same checkpoint, but the other one is finished, with other weights.
    fill(theirs, &[("metrics.jsonl", "other"), ("step-3/weights", "theirs")]);
    push(&other).unwrap();
    write(&other.join("step.json"), "{}").unwrap();
    fill(ours, &[("metrics.jsonl", "1 2 3 4"), ("step-3/weights", "ours")]);
    pull(&dir).unwrap();
    assert_eq!(files(ours), files(theirs));
}

/// Catches: a directory that cannot be read looks as if its checkpoints were removed, and they are
/// removed from the store, too.
#[test]
fn a_walk_with_errors_removes_nothing() {
    let Machines { roots: [ours, theirs], .. } = &machines(1 << 20);
    let dir = fill(ours, &[("step-1/weights", "a"), ("step-2/weights", "b")]);
    push(&dir).unwrap();
    fs::remove_dir_all(dir.join("step-1")).unwrap();
    // A link to itself cannot be inspected, for any account.
    fs::remove_dir_all(&dir).unwrap();
    symlink(&dir, &dir).unwrap();
    assert!(push(&dir).is_err());
    assert_eq!(list(&theirs.join(STEP)).unwrap().directories.len(), 2);
}
