//! Bad input: SQL that writes, other pages, wrong labels.

use serde_json::json;

use super::{clips, exported, ingested, label};

/// Catches: a condition writes, reads files beside the dataset, escapes from its parentheses, ends
/// the process, or looks like a fault of the server.
#[test]
fn a_condition_can_only_read() {
    let dataset = ingested();
    let before = dataset.files();
    let server = dataset.browse(&[]);
    let deep = format!("{}1{}", "(".repeat(300), ")".repeat(300));
    let long = format!("motion > 0.1{}", " and motion > 0.1".repeat(110));
    let wrong = [
        "1=1); drop table clips; --",
        "kept) or (true",
        "true -- comment \n) union select 1",
        "(select 1 from (create table t as select 1))",
        "clip_id in (copy clips to 'x.csv')",
        "clip_id in (select * from 'tiny.toml')",
        "exists (delete from labels)",
        "insert into labels values (1)",
        "no_such_column = 1",
        "motion >",
        "motion",
        "'a",
        deep.as_str(),
    ];
    for condition in wrong {
        let (status, answer) = server.try_json(&format!("/api/clips?where={}", encoded(condition)));
        assert_eq!(status, 400, "{condition}: {answer}");
        assert!(!answer["error"].as_str().unwrap().is_empty());
        let path = format!("/api/queue?who=ana&where={}", encoded(condition));
        assert_eq!(server.try_json(&path).0, 400, "{condition}");
    }
    let (status, _) = server.try_json(&format!("/api/clips?where={}", encoded(&long)));
    assert_eq!(status, 200, "a long condition is allowed");
    let (status, _) = server.try_json("/api/clips?sort=no_such_column");
    assert_eq!(status, 400);
    let (status, _) = server.try_json(&format!("/api/clips?sort={}", encoded("motion\" desc; --")));
    assert_eq!(status, 400);
    assert_eq!(server.try_json("/api/clips?count=100000").0, 400);
    assert_eq!(server.json("/api/clips?where=")["total"], dataset.sql("select 1 from clips").len());
    drop(server);
    assert_eq!(dataset.files(), before, "nothing is written");
}

/// Catches: a label of a clip that does not exist, or with a wrong word, is stored.
#[test]
fn wrong_labels_are_refused() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let clip = &clips(&server, "")[0];
    let good = json!({ "clip": clip["id"], "who": "ana", "label": "good", "tags": [] });
    let unknown = json!("0".repeat(32));
    for (key, value, status, words) in [
        ("clip", unknown, 404, "no clip"),
        ("clip", json!("../../x"), 404, "no clip"),
        ("label", json!("gud"), 400, "good, bad or unsure"),
        ("who", json!(" "), 400, "who"),
        ("who", json!("a\u{1b}[2J"), 400, "control"),
        ("who", json!("x".repeat(41)), 400, "40"),
        ("tags", json!(["a;b"]), 400, "semicolon"),
        ("tags", json!("menu"), 400, "send {"),
        ("colour", json!("red"), 400, "send {"),
    ] {
        let mut wrong = good.clone();
        wrong[key] = value;
        let (found, answer) = server.post("/api/labels", &wrong);
        assert_eq!(found, status, "{wrong}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(words), "{wrong}: {answer}");
    }
    for body in [&b"{"[..], b"", b"\xff", "x".repeat(10_000).as_bytes()] {
        let (status, _) = server.send("/api/labels", "application/json", body);
        assert!([400, 413].contains(&status), "{status}");
    }
    assert_eq!(exported(&dataset), [""; 0]);
    assert_eq!(label(&server, clip, "ana", Some("good")).0, 200);
    assert_eq!(exported(&dataset).len(), 1);
}

/// Catches: a page of another server labels clips, or a stranger in the network does.
#[test]
fn other_pages_reach_nothing() {
    let dataset = ingested();
    let server = dataset.browse(&["--token", "0123456789abcdef"]);
    let base = server.url.split("/?token=").next().unwrap().to_owned();
    let ask = |path: &str, headers: &[(&str, &str)]| {
        let mut request = ureq::get(format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.config().http_status_as_error(false).build();
        request.call().expect("an answer").status().as_u16()
    };
    assert_eq!(ask("/api/info", &[]), 403);
    assert_eq!(ask("/?token=0123456789abcdef", &[]), 200);
    assert_eq!(ask("/api/info?token=0123456789abcdef", &[]), 200);
    let evil = [("Origin", "http://evil.example")];
    assert_eq!(ask("/api/info?token=0123456789abcdef", &evil), 403);
    drop(server);

    let server = dataset.browse(&[]);
    for (name, value) in [
        ("Host", "evil.example:7860"),
        ("Origin", "http://evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let request = ureq::post(format!("{}/api/labels", server.url)).header(name, value);
        let request = request.config().http_status_as_error(false).build();
        assert_eq!(request.send("{}").expect("an answer").status().as_u16(), 403, "{name}");
    }
}

/// Encodes a value of a query.
fn encoded(text: &str) -> String {
    let escapes: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    escapes.concat()
}
