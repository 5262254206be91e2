//! The sample videos: the same seed gives the same bytes, and a directory holds one configuration's episodes.

mod support;

use std::fs;

use support::{Place, code, contents, stderr};

fn videos(place: &Place) -> Vec<(String, Vec<u8>)> {
    let file =
        |(path, bytes): (String, Vec<u8>)| (path.rsplit('/').next().unwrap().to_owned(), bytes);
    contents(&place.path("videos"))
        .into_iter()
        .map(file)
        .filter(|(name, _)| name.starts_with("episode"))
        .collect()
}

/// Would catch time stamps, thread counts or addresses in the videos: experiments would not repeat.
#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, other, third) = (Place::with_samples(3), Place::with_samples(3), Place::new());
    third.sample(3, 3, 2);
    assert_eq!(videos(&one).len(), 6);
    assert_eq!(videos(&one), videos(&other));
    assert_ne!(videos(&one)[1].1, videos(&third)[1].1, "another seed, another episode");
    assert_ne!(videos(&one)[1].1, videos(&one)[3].1, "episodes differ");
}

/// Would catch a second run that does the work again.
#[test]
fn a_second_run_does_nothing() {
    let place = Place::with_samples(2);
    let path = place.path("videos/episode-00000.mp4");
    let before = fs::metadata(&path).unwrap().modified().unwrap();
    let out = place.path("videos");
    let again = place.start(&[
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

/// Would catch episodes of an earlier configuration that are ingested with this one's.
#[test]
fn another_configuration_leaves_no_episode_of_the_first() {
    let place = Place::with_samples(4);
    fs::write(place.path("videos/mine.mp4"), "not ours").unwrap();
    place.sample(2, 3, 1);
    assert_eq!(videos(&place).len(), 4);
    assert!(place.path("videos/mine.mp4").exists(), "only our own files are removed");
}

/// Would catch a setting that is taken without a word and does nothing.
#[test]
fn wrong_settings_are_wrong_usage() {
    let place = Place::new();
    for words in [
        ["sample", "--set", "sample.themes=7"],
        ["sample", "--episodes", "0"],
        ["sample", "--set", "sample.episode=7"],
    ] {
        let output = place.start(&words);
        assert_eq!(code(&output), 64, "{words:?}: {}", stderr(&output));
    }
}
