//! Which clips are kept: the keep expression, its reasons, a changed expression, and metadata.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;

use support::{TestDir, code, stderr};

/// Returns the number of files that a run decoded, from its output.
fn decoded(output: &std::process::Output) -> usize {
    let text = stderr(output);
    let line = text.lines().rev().find(|line| line.starts_with("ingest: ") && line.contains('/'));
    line.and_then(|line| line.split(['/', ' ']).nth(1)?.parse().ok()).unwrap_or(0)
}

/// Catches: a changed expression decodes more than it needs, or cannot restore a clip.
#[test]
fn a_changed_keep_expression_decodes_only_missing_clips() {
    let dir = TestDir::with_samples(6);
    // Two longer clips, which only a wider expression keeps.
    fs::rename(dir.path("videos"), dir.path("three")).unwrap();
    dir.sample(2, 5, 9);
    for number in 0..2 {
        let name = format!("episode-{number:05}.mp4");
        fs::rename(dir.path("videos").join(&name), dir.path("three").join(format!("long-{name}")))
            .unwrap();
    }
    let videos = format!("data.videos=[\"{}\"]", dir.path("three"));
    let run = |keep: &str| dir.run(&[&videos, &format!("ingest.keep={keep}")]);

    let first = run("frames <= 30 and motion >= 0");
    assert_eq!(
        (code(&first), decoded(&first), dir.clips(None).len()),
        (0, 8, 6),
        "{}",
        stderr(&first)
    );
    let reasons =
        dir.sql("select kept, reason, count(*) from clips group by kept, reason order by kept");
    assert_eq!(reasons, "kept,reason,count(*)\nfalse,frames <= 30,2\ntrue,,6\n");
    assert_eq!(
        dir.sql("select reason, detail from sources where reason is not null limit 1"),
        "reason,detail\nfiltered,1 of 1 clips: frames <= 30\n"
    );
    assert!(
        dir.sql("select min(motion), min(sharpness) from clips where not kept").lines().count()
            == 2,
        "dropped clips have scores too"
    );

    let narrower = run("motion > 2 and frames <= 30");
    assert_eq!(
        (code(&narrower), decoded(&narrower), dir.clips(None).len()),
        (0, 0, 0),
        "{}",
        stderr(&narrower)
    );
    let wider = run("frames <= 30");
    assert_eq!((decoded(&wider), dir.clips(None).len()), (6, 6), "{}", stderr(&wider));
    let widest = run("");
    assert_eq!(
        (decoded(&widest), dir.clips(None).len()),
        (2, 8),
        "only the two missing files: {}",
        stderr(&widest)
    );
    let again = run("");
    assert!(stderr(&again).contains("up to date") && decoded(&again) == 0, "{}", stderr(&again));
}

/// Catches: a typo in the expression drops a whole dataset.
#[test]
fn an_invalid_keep_expression_is_wrong_usage() {
    let dir = TestDir::with_samples(1);
    let output = dir.run(&["ingest.keep=moton > 0.1"]);
    assert_eq!(code(&output), 64);
    assert!(
        stderr(&output).contains("ingest.keep")
            && stderr(&output).contains("Did you mean 'motion'"),
        "{}",
        stderr(&output)
    );
    assert!(!dir.root().exists());
}

/// Catches: an expression that fails for one clip only ends a run without what it decoded, or ends
/// it with 1; the next run decodes before it finds the same; a better one decodes again.
#[test]
fn an_expression_that_fails_for_a_clip_loses_nothing() {
    let dir = TestDir::with_samples(2);
    let number = "cast(right(left(source_path, -4), 5) as int)";
    let wrong = format!("ingest.keep=10 / {number} > 0");
    let output = dir.run(&[&wrong]);
    let text = stderr(&output);
    assert_eq!((code(&output), decoded(&output)), (64, 2), "{text}");
    assert!(text.contains("episode-00000.mp4") && text.contains("nullif"), "{text}");
    let again = dir.run(&[&wrong]);
    assert_eq!((code(&again), decoded(&again)), (64, 0), "{}", stderr(&again));
    let better = dir.run(&[&format!("ingest.keep=10 / nullif({number}, 0) > 0")]);
    assert_eq!((code(&better), decoded(&better)), (0, 0), "{}", stderr(&better));
    let kept = dir.clips(None);
    assert!(!kept.is_empty());
    assert!(kept.iter().all(|clip| clip.meta.source_path.ends_with("00001.mp4")));
}

/// Catches: metadata rules are not applied, cause needless decoding, or stay in force after they
/// are removed.
#[test]
fn metadata_rules_apply() {
    let dir = TestDir::with_samples(4);
    let info = |number: u32, title: &str, description: &str| {
        let text = serde_json::json!({
            "id": "x", "title": title, "description": description, "formats": []
        });
        fs::write(dir.path(&format!("videos/episode-{number:05}.info.json")), text.to_string())
            .unwrap();
    };
    info(0, "Jumper speedrun", "");
    info(1, "Jumper: the MOVIE, full playthrough", "");
    info(2, "Cooking", "how to bake");
    let run = |settings: &[&str]| {
        let output = dir.run(settings);
        assert_eq!(code(&output), 0, "a filtered file is not a failure: {}", stderr(&output));
        (decoded(&output), dir.clips(None).len())
    };
    assert_eq!(run(&[]), (2, 2));
    let details =
        dir.sql("select detail from sources where reason = 'metadata' order by source_path");
    assert!(details.contains("`movie`") && details.contains("speedrun, playthrough"), "{details}");
    assert_eq!(
        run(&["ingest.metadata.title_none=[\"unboxing\"]"]),
        (1, 3),
        "one more file, and no file again"
    );
    assert_eq!(run(&["ingest.metadata.title_none=[]", "ingest.metadata.text_any=[]"]), (1, 4));
    assert_eq!(run(&[]), (0, 2), "back to two clips, without decoding");
    fs::remove_file(dir.path("videos/episode-00002.info.json")).unwrap();
    assert_eq!(run(&[]), (1, 3), "a video without metadata is kept");
}

/// Catches: numbers do not add up, or a reason is missing.
#[test]
fn stats_report_the_dataset() {
    let dir = TestDir::with_samples(3);
    fs::write(dir.path("videos/empty.mp4"), "").unwrap();
    dir.run(&[]);
    let output = dir.start(&["stats", "--histogram", "motion,frames * 2"]);
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
    assert_eq!(code(&dir.start(&["stats", "--histogram", "nonsense"])), 64);
}
