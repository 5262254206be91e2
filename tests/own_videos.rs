//! A user's own videos: without action sidecars, some damaged, some duplicated.

use std::fs;

use genie_tests::Dataset;
use serde_json::Value;

const OWN: [&str; 4] = ["--videos", "videos", "--root", "own"];

/// Makes a dataset with `count` videos without sidecars.
fn recorded(count: usize) -> Dataset {
    let dataset = Dataset::new();
    let episodes = count.to_string();
    dataset.stage("ingest", "sample", &["--out", "videos", "--episodes", &episodes]).expect(0);
    for number in 0..count {
        fs::remove_file(dataset.path(format!("videos/episode-{number:05}.actions.csv")))
            .expect("a sidecar");
    }
    dataset
}

/// Catches: a report cannot be made without true actions, or shows agreement with true actions that
/// do not exist; recordings of the built-in game are among the user's videos.
#[test]
fn without_true_actions_there_is_a_report_without_agreement() {
    let dataset = recorded(8);
    dataset.pipeline(&OWN).expect(0);
    let report = dataset.report(&OWN);
    assert_eq!(report.get("action_agreement"), Some(&Value::Null));
    assert!(report["tokenizer"]["psnr_db"].is_f64() && report["delta_psnr_db"][3]["mean"].is_f64());
    assert_eq!(dataset.status(&OWN).all("done").len(), 7, "no step records the built-in game");
    assert!(!dataset.path("own/videos").exists());
    let page = fs::read_to_string(
        dataset.path(dataset.status(&OWN).dir("evaluate run")).join("report.html"),
    );
    assert!(page.is_ok_and(|page| page.contains("</html>")));
}

/// Catches: a run ends at one damaged file; a damaged file gets no row, no reason or no exit code
/// 2; a copy of a file is counted twice, or is in both splits.
#[test]
fn a_bad_video_is_rejected_and_the_run_goes_on() {
    let dataset = recorded(8);
    let video = |name: &str| dataset.path("videos").join(name);
    fs::write(video("text.mp4"), "this is no video").expect("a file");
    fs::write(video("empty.mkv"), "").expect("a file");
    let whole = fs::read(video("episode-00000.mp4")).expect("a video");
    fs::write(video("cut-off.mp4"), &whole[..whole.len() / 3]).expect("a file");
    fs::copy(video("episode-00001.mp4"), video("copy.mp4")).expect("a copy");
    fs::write(video("notes.txt"), "not meant as a video").expect("a file");

    dataset.pipeline(&OWN).expect(2).says("some videos were rejected");
    assert!(
        dataset.report(&OWN)["tokenizer"]["psnr_db"].is_f64(),
        "the report is on the other videos"
    );
    let query = |query: &str| {
        let rows = dataset
            .stage("ingest", "sql", &["--format", "json", "--set", "data.root=own", query])
            .expect(0)
            .json();
        rows.as_array().expect("rows").clone()
    };
    let rows = query(
        "select source_path, reason, clips_kept from sources \
         where reason is not null order by source_path",
    );
    let field = |row: &Value, field: &str| row[field].as_str().expect("text").to_owned();
    let rejects: Vec<_> =
        rows.iter().map(|row| (field(row, "source_path"), field(row, "reason"))).collect();
    let expected = [
        ("videos/cut-off.mp4", "unreadable"),
        ("videos/empty.mkv", "empty_file"),
        ("videos/episode-00001.mp4", "duplicate"), // of copy.mp4, which comes first
        ("videos/text.mp4", "unreadable"),
    ];
    assert_eq!(rejects, expected.map(|(path, reason)| (path.to_owned(), reason.to_owned())));
    assert_eq!(query("select count(distinct source_id) as n from clips")[0]["n"], 8);

    // The rejected files have not changed: the exit code is the same, and no file is read again.
    dataset.pipeline(&OWN).expect(2).says("nothing to do");
}

/// Catches: an up-to-date dataset does not find a new file; an old file is decoded again; a source
/// changes its split when other sources are added.
#[test]
fn a_new_video_is_added_to_the_old_ones() {
    let dataset = recorded(6);
    let ingest = |words: &[&str]| {
        dataset.pipeline(&[&OWN[..], &["--stage", "ingest"], words].concat()).expect(0)
    };
    let query = "select distinct source_id, split from clips order by source_id";
    let splits = || {
        dataset
            .stage("ingest", "sql", &["--format", "json", "--set", "data.root=own", query])
            .expect(0)
            .json()
    };
    ingest(&[]);
    let before = splits().as_array().expect("rows").clone();
    assert_eq!(dataset.status(&OWN).state("ingest run"), "done");

    dataset.stage("ingest", "sample", &["--out", "more", "--episodes", "9"]).expect(0);
    fs::rename(dataset.path("more/episode-00008.mp4"), dataset.path("videos/new.mp4"))
        .expect("a new video");
    assert_eq!(dataset.status(&OWN).state("ingest run"), "partial");
    ingest(&[]).says("7 sources with 14 clips (2 new)");
    let after = splits().as_array().expect("rows").clone();
    assert_eq!(after.len(), 7);
    assert!(before.iter().all(|row| after.contains(row)), "{before:?} became {after:?}");
}
