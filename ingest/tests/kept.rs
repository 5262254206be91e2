//! Which clips are kept: the verdict, its reasons, passing it again, and words beside a video.

mod support;

use std::fs;

use support::{Place, code, stderr};

/// Places of files that a run decoded, by what it said.
fn decoded(output: &std::process::Output) -> usize {
    let text = stderr(output);
    let line = text.lines().rev().find(|line| line.starts_with("ingest: ") && line.contains('/'));
    line.and_then(|line| line.split(['/', ' ']).nth(1)?.parse().ok()).unwrap_or(0)
}

/// Would catch a verdict that decodes again what it only narrows, keeps what it should drop, or cannot give back what it dropped.
#[test]
fn another_verdict_decodes_only_what_it_must() {
    let place = Place::with_samples(6);
    // Two longer ones, which only a wider verdict keeps.
    fs::rename(place.path("videos"), place.path("three")).unwrap();
    place.sample(2, 5, 9);
    for number in 0..2 {
        let name = format!("episode-{number:05}.mp4");
        fs::rename(
            place.path("videos").join(&name),
            place.path("three").join(format!("long-{name}")),
        )
        .unwrap();
    }
    let videos = format!("data.videos=[\"{}\"]", place.path("three"));
    let run = |keep: &str| place.run(&[&videos, &format!("ingest.keep={keep}")]);

    let first = run("frames <= 30 and motion >= 0");
    assert_eq!(
        (code(&first), decoded(&first), place.clips(None).len()),
        (0, 8, 6),
        "{}",
        stderr(&first)
    );
    let reasons =
        place.sql("select kept, reason, count(*) from clips group by kept, reason order by kept");
    assert_eq!(reasons, "kept,reason,count(*)\nfalse,frames <= 30,2\ntrue,,6\n");
    assert_eq!(
        place.sql("select reason, detail from sources where reason is not null limit 1"),
        "reason,detail\nfiltered,1 of 1 clips: frames <= 30\n"
    );
    assert!(
        place.sql("select min(motion), min(sharpness) from clips where not kept").lines().count()
            == 2,
        "scored all the same"
    );

    let narrower = run("motion > 2 and frames <= 30");
    assert_eq!(
        (code(&narrower), decoded(&narrower), place.clips(None).len()),
        (0, 0, 0),
        "{}",
        stderr(&narrower)
    );
    let wider = run("frames <= 30");
    assert_eq!((decoded(&wider), place.clips(None).len()), (6, 6), "{}", stderr(&wider));
    let widest = run("");
    assert_eq!(
        (decoded(&widest), place.clips(None).len()),
        (2, 8),
        "only the two that are missing: {}",
        stderr(&widest)
    );
    let again = run("");
    assert!(stderr(&again).contains("up to date") && decoded(&again) == 0, "{}", stderr(&again));
}

/// Would catch a typo that throws a dataset away.
#[test]
fn a_verdict_that_cannot_be_passed_is_wrong_usage() {
    let place = Place::with_samples(1);
    let output = place.run(&["ingest.keep=moton > 0.1"]);
    assert_eq!(code(&output), 64);
    assert!(
        stderr(&output).contains("ingest.keep")
            && stderr(&output).contains("Did you mean 'motion'"),
        "{}",
        stderr(&output)
    );
    assert!(!place.root().exists());
}

/// Would catch rules that are not applied, that cost a decoding when they change nothing, or that cannot be taken back.
#[test]
fn words_beside_a_video() {
    let place = Place::with_samples(4);
    let info = |number: u32, title: &str, description: &str| {
        let text = serde_json::json!({ "id": "x", "title": title, "description": description, "formats": [] });
        fs::write(place.path(&format!("videos/episode-{number:05}.info.json")), text.to_string())
            .unwrap();
    };
    info(0, "Jumper speedrun", "");
    info(1, "Jumper: the MOVIE, full playthrough", "");
    info(2, "Cooking", "how to bake");
    let run = |settings: &[&str]| {
        let output = place.run(settings);
        assert_eq!(code(&output), 0, "a choice is no failure: {}", stderr(&output));
        (decoded(&output), place.clips(None).len())
    };
    assert_eq!(run(&[]), (2, 2));
    let details =
        place.sql("select detail from sources where reason = 'metadata' order by source_path");
    assert!(details.contains("`movie`") && details.contains("speedrun, playthrough"), "{details}");
    assert_eq!(
        run(&["ingest.metadata.title_none=[\"unboxing\"]"]),
        (1, 3),
        "one more, and nobody else again"
    );
    assert_eq!(run(&["ingest.metadata.title_none=[]", "ingest.metadata.text_any=[]"]), (1, 4));
    assert_eq!(run(&[]), (0, 2), "and back, without decoding");
    fs::remove_file(place.path("videos/episode-00002.info.json")).unwrap();
    assert_eq!(run(&[]), (1, 3), "what is not said is not held against it");
}

/// Would catch figures that do not add up, and a reason that is forgotten.
#[test]
fn stats_say_what_is_there() {
    let place = Place::with_samples(3);
    fs::write(place.path("videos/empty.mp4"), "").unwrap();
    place.run(&[]);
    let output = place.start(&["stats", "--histogram", "motion,frames * 2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "4 found, 3 used",
        "9.0 s decoded, 9.0 s kept (100 %)",
        "3 cut, 3 kept, of 90 frames",
        "1  empty_file",
        "60.0000        3  █",
    ] {
        assert!(text.contains(expected), "no `{expected}` in\n{text}");
    }
    assert_eq!(code(&place.start(&["stats", "--histogram", "nonsense"])), 1);
}
