//! Clips that people look at and label, through the built `genie-ingest browse` and `labels`.

#[path = "browse/hostile.rs"]
mod hostile;
#[path = "browse/labels.rs"]
mod labels;
#[path = "browse/wall.rs"]
mod wall;

use genie_tests::{Dataset, Playing};
use serde_json::{Value, json};

/// A dataset with clips of the sample game.
fn ingested() -> Dataset {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset
}

/// The clips of a condition, which is encoded for a URL.
fn clips(server: &Playing, query: &str) -> Vec<Value> {
    let list = server.json(&format!("/api/clips?count=500&{query}"));
    list["clips"].as_array().expect("a list").clone()
}

/// Labels a clip.
fn label(server: &Playing, clip: &Value, who: &str, label: Option<&str>) -> (u16, Value) {
    let new = json!({ "clip": clip["id"], "who": who, "label": label, "tags": ["menu"] });
    server.post("/api/labels", &new)
}

/// The lines of `labels export` without the header, sorted.
fn exported(dataset: &Dataset) -> Vec<String> {
    let csv = dataset.stage("ingest", "labels", &["export"]).expect(0).stdout;
    let mut lines = csv.lines().map(str::to_owned);
    assert_eq!(lines.next().as_deref(), Some("clip_id,label,tags,who,at"));
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}
