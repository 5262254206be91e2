//! Sample videos: the same seed gives the same bytes, and a directory has one configuration.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;

use support::{TestDir, code, contents, stderr};

fn videos(dir: &TestDir) -> Vec<(String, Vec<u8>)> {
    let file =
        |(path, bytes): (String, Vec<u8>)| (path.rsplit('/').next().unwrap().to_owned(), bytes);
    contents(&dir.path("videos"))
        .into_iter()
        .map(file)
        .filter(|(name, _)| name.starts_with("episode"))
        .collect()
}

/// Catches: videos contain times, thread counts or addresses, which would make runs differ.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, other, third) = (TestDir::with_samples(3), TestDir::with_samples(3), TestDir::new());
    third.sample(3, 3, 2);
    assert_eq!(videos(&one).len(), 6);
    assert_eq!(videos(&one), videos(&other));
    assert_ne!(videos(&one)[1].1, videos(&third)[1].1, "another seed, another episode");
    assert_ne!(videos(&one)[1].1, videos(&one)[3].1, "episodes differ");
}

/// Catches: a second run repeats the work.
#[test]
fn a_second_run_does_nothing() {
    let dir = TestDir::with_samples(2);
    let path = dir.path("videos/episode-00000.mp4");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let out = dir.path("videos");
    let again = dir.start(&[
        "sample",
        "--out",
        out.as_str(),
        "--episodes",
        "2",
        "--set",
        "sample.seconds=3",
    ]);
    assert_eq!(code(&again), 0);
    assert!(stderr(&again).contains("up to date"), "{}", stderr(&again));
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
}

/// Catches: episodes of an earlier configuration are ingested with the current ones.
#[test]
fn another_configuration_leaves_no_episode_of_the_first() {
    let dir = TestDir::with_samples(4);
    fs::write(dir.path("videos/mine.mp4"), "not ours").unwrap();
    dir.sample(2, 3, 1);
    assert_eq!(videos(&dir).len(), 4);
    assert!(
        dir.path("videos/mine.mp4").exists(),
        "only files that an earlier run made are removed"
    );
}

/// Catches: a wrong setting is accepted and ignored.
#[test]
fn wrong_settings_are_wrong_usage() {
    let dir = TestDir::new();
    for words in [
        ["sample", "--set", "sample.themes=7"],
        ["sample", "--episodes", "0"],
        ["sample", "--set", "sample.episode=7"],
    ] {
        let output = dir.start(&words);
        assert_eq!(code(&output), 64, "{words:?}: {}", stderr(&output));
    }
}
