//! `verify` and `gc` over the built binary: damage is named, forgotten and made again; what nothing names goes, nothing else.

mod support;

use std::fs;

use support::{Place, code, contents, stderr};

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Would catch damage that is not seen, not named, or not to be got rid of.
#[test]
fn a_flipped_bit_is_named_and_made_again() {
    let place = Place::with_samples(20);
    place.run(&[]);
    let expected = place.state();
    let sound = place.start(&["verify"]);
    assert_eq!((code(&sound), stdout(&sound)), (0, String::new()), "{}", stderr(&sound));
    let shards: Vec<_> = contents(&place.path("root/clips"))
        .into_iter()
        .filter(|(path, _)| path.ends_with(".parquet"))
        .collect();
    assert_eq!(shards.len(), 2);
    let (path, mut bytes) = shards[1].clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();

    let damaged = place.start(&["verify"]);
    assert_eq!(code(&damaged), 1);
    assert!(
        stdout(&damaged).contains(&path) && stdout(&damaged).contains("clip "),
        "{}",
        stdout(&damaged)
    );
    assert_eq!(code(&place.start(&["verify", "--forget"])), 1, "it was damaged");
    assert_eq!(code(&place.start(&["verify"])), 0, "what is left is whole");
    let remade = place.run(&[]);
    assert_eq!(code(&remade), 0, "{}", stderr(&remade));
    assert!(place.state() == expected);
}

/// Would catch a catalog that cannot be read and blocks everything for good.
#[test]
fn a_lost_catalog_file_is_named_and_made_again() {
    let place = Place::with_samples(3);
    place.run(&[]);
    let expected = place.state();
    let catalog = contents(&place.path("root/catalog"));
    let named = |(path, _): &&(String, Vec<u8>)| path.contains("sources-all");
    fs::remove_file(&catalog.iter().find(named).unwrap().0).unwrap();
    assert_eq!(code(&place.run(&[])), 1);
    assert_eq!(code(&place.start(&["verify", "--forget"])), 1);
    assert_eq!(code(&place.run(&[])), 0);
    assert!(place.state() == expected);
}

/// Would catch a collector that takes what somebody may still read, or what is published.
#[test]
fn only_what_is_old_and_not_named_goes() {
    let place = Place::with_samples(20);
    place.run(&[]);
    let expected = place.state();
    fs::write(place.path("root/clips/.one-Ab12.tmp"), "a draft").unwrap();
    fs::write(place.path("root/clips/notes.txt"), "not ours").unwrap();
    let gc = |words: &[&str]| {
        let output = place.start(&[&["gc"], words].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(gc(&[]), "", "everything is younger than a day");
    let listed = gc(&["--older-than", "0", "--dry-run"]);
    assert!(listed.contains(".one-Ab12.tmp") && listed.contains("catalog/sources-"), "{listed}");
    assert_eq!(gc(&["--older-than", "0"]), listed);
    assert_eq!(gc(&["--older-than", "0"]), "");
    assert!(place.path("root/clips/notes.txt").exists());
    assert!(place.state() == expected);
    assert!(stderr(&place.run(&[])).contains("up to date"));
}
