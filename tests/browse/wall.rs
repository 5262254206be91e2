//! The wall: conditions, orders, pictures, thresholds, and a dataset that changes.

use std::fs;

use genie_tests::Dataset;

use super::{clips, ingested};

/// Ingests with an expression that keeps about half of the clips; returns the expression.
fn drop_half(dataset: &Dataset) -> String {
    let median = dataset.sql("select round(median(motion), 4) as m from clips")[0]["m"].clone();
    let keep = format!("motion < {median}");
    let set = format!("ingest.keep={keep}");
    dataset.pipeline(&["--stage", "ingest", "--set", &set]).expect(0);
    keep
}

/// Catches: a condition or an order shows other clips than `genie-ingest sql`; pages of the wall
/// overlap or lack clips.
#[test]
fn the_wall_shows_what_sql_says() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let ids = |sql: &str| -> Vec<_> {
        dataset.sql(sql).into_iter().map(|mut row| row["clip_id"].take()).collect()
    };
    let of = |query: &str| -> Vec<_> {
        clips(&server, query).into_iter().map(|mut clip| clip["id"].take()).collect()
    };
    let all = ids("select clip_id from clips order by motion desc, source_id, start_pts");
    assert!(all.len() > 10, "{} clips", all.len());
    assert_eq!(of("sort=motion&descending=true"), all);
    let query = "where=kept+and+split+%3D+%27train%27&sort=contrast";
    let train = "select clip_id from clips where kept and split = 'train' \
                 order by contrast, source_id, start_pts";
    assert_eq!(of(query), ids(train));
    let below = "where=source_id+in+(select+source_id+from+sources+where+clips_kept+%3E%3D+0)";
    assert_eq!(of(below).len(), all.len());
    let mut pages = Vec::new();
    for after in (0..all.len()).step_by(4) {
        let list = server.json(&format!("/api/clips?sort=motion&after={after}&count=4"));
        assert_eq!(list["total"], all.len());
        pages.extend(list["clips"].as_array().expect("a list").iter().map(|c| c["id"].clone()));
    }
    pages.reverse();
    assert_eq!(pages.len(), all.len());
    assert_eq!(pages[0], all[0]);
}

/// Catches: a kept clip has no pictures, or pictures are made again for every request; a clip
/// that is not kept has those of another clip, or of a video that has changed meanwhile.
#[test]
fn kept_clips_have_pictures() {
    let dataset = ingested();
    let keep = drop_half(&dataset);
    let server = dataset.browse(&["--set", &format!("ingest.keep={keep}")]);
    let (kept, dropped) = (clips(&server, "where=kept"), clips(&server, "where=not+kept"));
    assert!(!kept.is_empty() && !dropped.is_empty(), "{kept:?} {dropped:?}");
    for file in ["thumbnail.jpg", "whole.jpg"] {
        let path = format!("/sheets/{}/{file}", kept[0]["id"].as_str().unwrap());
        let sheet = server.get(&path);
        assert_eq!(sheet[..2], [0xff, 0xd8], "{path} is no JPEG");
        assert_eq!(server.get(&path), sheet);
        let path = format!("/sheets/{}/{file}", dropped[0]["id"].as_str().unwrap());
        let (status, answer) = server.try_json(&path);
        assert_eq!(status, 404);
        assert!(answer["error"].as_str().unwrap().contains("not kept"), "{answer}");
    }
    assert_eq!(dropped[0]["reason"], keep.as_str());

    let id = dropped[0]["id"].as_str().unwrap();
    let decode = |id: &str| server.send(&format!("/api/clips/{id}/pictures"), "text/plain", b"");
    let (status, answer) = decode(id);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["clips"].as_array().unwrap().iter().any(|found| found == id), "{answer}");
    assert_eq!(server.get(&format!("/sheets/{id}/whole.jpg"))[..2], [0xff, 0xd8]);
    let source = dataset.path(dropped[0]["source"].as_str().unwrap());
    fs::write(&source, "another video").unwrap();
    let (status, answer) = decode(id);
    assert_eq!(status, 409);
    assert!(answer["error"].as_str().unwrap().contains("has changed"), "{answer}");
    fs::remove_file(&source).unwrap();
    assert_eq!(decode(id).0, 409);
    assert_eq!(decode("0").0, 404);
}

/// Catches: the slider promises other counts than the expression gives; the default expression is
/// not that of the config.
#[test]
fn the_slider_counts_what_the_expression_keeps() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let info = server.json("/api/info");
    let keep = info["keep"].as_str().expect("an expression");
    assert!(keep.contains("static_share < 0.9"), "{keep}");
    let query = "expression=motion+%3E+0.002+and+contrast+%3E+0.1&score=motion";
    let view = server.json(&format!("/api/keep?{query}"));
    assert_eq!(view["others"], serde_json::json!(["contrast > 0.1"]));
    assert_eq!((&view["side"], &view["value"]), (&"least".into(), &0.002.into()));
    let steps: Vec<u64> =
        view["steps"].as_array().unwrap().iter().map(|step| step.as_u64().unwrap()).collect();
    assert_eq!(steps.len(), 1001);
    for step in [0, 1, 5, 12, 30, 1000] {
        let sql = format!(
            "select count(*) as n from clips where contrast > 0.1 and motion >= {} and \
             coalesce(reason, '') not in ('still', 'fade', 'damaged', 'too_short', \
             'near_duplicate')",
            f64::from(step) / 1000.0
        );
        let kept: u64 = steps[usize::try_from(step).unwrap()..].iter().sum();
        assert_eq!(dataset.sql(&sql)[0]["n"], kept, "{step}");
    }
    let (status, answer) = server.try_json("/api/keep?expression=kept&score=motion");
    assert_eq!(status, 400, "{answer}");
    let (status, answer) = server.try_json("/api/keep?score=moton");
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("motion_block"), "{answer}");
}

/// Catches: a page that is open shows the old dataset for ever, or fails when files are replaced
/// and removed.
#[test]
fn a_dataset_may_change_meanwhile() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let before = server.json("/api/clips?sort=motion");
    drop_half(&dataset);
    dataset.stage("ingest", "gc", &["--older-than", "0"]).expect(0);
    let mut after = before.clone();
    for _ in 0..200 {
        after = server.json("/api/clips?sort=motion");
        if after["version"] != before["version"] {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_ne!(after["version"], before["version"], "the page never sees the new dataset");
    let kept = clips(&server, "where=kept");
    let now = dataset.sql("select count(*) as n from clips where kept");
    assert_eq!(now[0]["n"], kept.len());
    let id = kept[0]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/sheets/{id}/thumbnail.jpg"))[..2], [0xff, 0xd8]);
}

/// Catches: a dataset without clips ends the server, or an empty wall is an error.
#[test]
fn an_empty_dataset_has_an_empty_wall() {
    let dataset = Dataset::new();
    let server = dataset.browse(&[]);
    assert_eq!(server.json("/api/clips")["total"], 0);
    assert_eq!(server.json("/api/queue?who=ana"), serde_json::json!([]));
    let view = server.json("/api/keep?expression=motion+%3E+0.5&score=motion");
    assert_eq!(view["clips"], 0);
    assert!(String::from_utf8(server.get("/")).unwrap().contains("<main"));
    assert!(!dataset.path("root/labels").exists(), "looking writes nothing");
    drop(server);
    let files = fs::read_dir(dataset.path("")).unwrap().count();
    assert_eq!(files, 1, "looking writes nothing");
}
