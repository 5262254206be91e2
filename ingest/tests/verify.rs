//! `verify` and `gc` with the built binary: damage is reported, forgotten and re-encoded.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;

use support::{TestDir, code, contents, stderr};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Catches: damage is not found, not reported, or cannot be removed.
#[test]
fn a_flipped_bit_is_reported_and_the_clip_reencoded() {
    let dir = TestDir::with_samples(20);
    dir.run(&[]);
    let expected = dir.state();
    let sound = dir.start(&["verify"]);
    assert_eq!((code(&sound), stdout(&sound)), (0, String::new()), "{}", stderr(&sound));
    let shards: Vec<_> = contents(&dir.path("root/clips"))
        .into_iter()
        .filter(|(path, _)| path.ends_with(".parquet"))
        .collect();
    assert_eq!(shards.len(), 2);
    let (path, mut bytes) = shards[1].clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();

    let damaged = dir.start(&["verify"]);
    assert_eq!(code(&damaged), 1);
    assert!(
        stdout(&damaged).contains(&path) && stdout(&damaged).contains("clip "),
        "{}",
        stdout(&damaged)
    );
    assert_eq!(code(&dir.start(&["verify", "--forget"])), 1, "it was damaged");
    assert_eq!(code(&dir.start(&["verify"])), 0, "the remaining files are undamaged");
    let remade = dir.run(&[]);
    assert_eq!(code(&remade), 0, "{}", stderr(&remade));
    assert!(dir.state() == expected);
}

/// Catches: a sample checks all files, always the same ones, or more than there are.
#[test]
fn a_sample_checks_some_files() {
    let dir = TestDir::with_samples(20);
    dir.run(&[]);
    let said = |words: &[&str]| {
        let output = dir.start(words);
        stderr(&output).split_once("verify: ").map(|(_, said)| said.to_owned())
    };
    assert_eq!(said(&["verify", "--sample", "99"]), said(&["verify"]));
    let shard =
        contents(&dir.path("root/clips")).into_iter().find(|(path, _)| path.ends_with(".parquet"));
    fs::write(shard.unwrap().0, "damaged").unwrap();
    let samples: Vec<i32> = (0..60)
        .map(|_| {
            let one = dir.start(&["verify", "--sample", "1"]);
            assert!(stderr(&one).contains("1 of "), "{}", stderr(&one));
            code(&one)
        })
        .collect();
    assert!(samples.contains(&0) && samples.contains(&1), "{samples:?}");
}

/// Catches: `verify` takes the run histories of `encode` and `label` for directories, and fails.
#[test]
fn run_histories_do_not_disturb() {
    let dir = TestDir::with_samples(3);
    dir.run(&[]);
    for place in ["tokens", "actions"] {
        let place = dir.root().join(place);
        fs::create_dir(&place).unwrap();
        fs::write(place.join("runs.jsonl"), "{}\n").unwrap();
    }
    let verified = dir.start(&["verify"]);
    assert_eq!(code(&verified), 0, "{}", stderr(&verified));
}

/// Catches: an unreadable catalog blocks all later runs.
#[test]
fn a_lost_catalog_file_is_reported_and_rebuilt() {
    let dir = TestDir::with_samples(3);
    dir.run(&[]);
    let expected = dir.state();
    let catalog = contents(&dir.path("root/catalog"));
    let named = |(path, _): &&(String, Vec<u8>)| path.contains("sources-p");
    fs::remove_file(&catalog.iter().find(named).unwrap().0).unwrap();
    assert_eq!(code(&dir.run(&[])), 1);
    assert_eq!(code(&dir.start(&["verify", "--forget"])), 1);
    assert_eq!(code(&dir.run(&[])), 0);
    assert!(dir.state() == expected);
}

/// Catches: `gc` removes published files, or files that another process may still read.
#[test]
fn gc_removes_only_old_unnamed_files() {
    let dir = TestDir::with_samples(20);
    dir.run(&[]);
    let expected = dir.state();
    fs::write(dir.path("root/clips/.one-Ab12.tmp"), "a draft").unwrap();
    fs::write(dir.path("root/clips/notes.txt"), "not ours").unwrap();
    fs::create_dir(dir.path("root/datafusion-killed")).unwrap();
    fs::write(dir.path("root/datafusion-killed/part"), "of a query").unwrap();
    let gc = |words: &[&str]| {
        let output = dir.start(&[&["gc"], words].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(gc(&[]), "", "everything is younger than a day");
    let listed = gc(&["--older-than", "0", "--dry-run"]);
    assert!(listed.contains(".one-Ab12.tmp") && listed.contains("catalog/sources-"), "{listed}");
    assert!(listed.contains("datafusion-killed"), "{listed}");
    assert_eq!(gc(&["--older-than", "0"]), listed);
    assert!(!dir.path("root/datafusion-killed").exists());
    assert_eq!(gc(&["--older-than", "0"]), "");
    assert!(dir.path("root/clips/notes.txt").exists());
    assert!(dir.state() == expected);
    assert!(stderr(&dir.run(&[])).contains("up to date"));
}
