//! Near-duplicates in groups that different executors decode.

use std::collections::HashMap;

use serde_json::Value;

use crate::lab::Lab;

/// The number of videos of which there is a copy.
const COPIES: usize = 14;
/// The number of small videos in a group.
const GROUP: usize = 16;

/// Catches: copies in groups of different executors are all kept; a cluster keeps other ones than
/// one process does.
#[test]
fn copies_in_different_groups_are_found() {
    let Some(mut lab) = Lab::new() else { return };
    // Copies of shorter clips are not found.
    lab.flags = &["--set", "ingest.clip_seconds=6"];
    lab.plant_copies(COPIES);
    let expected = lab.alone();
    let executors = [lab.executor(&[]), lab.executor(&[])];
    lab.driver("shared", &[]).wait().expect(0);
    for executor in executors {
        executor.wait().expect(0);
    }
    assert_eq!(lab.hashes("shared"), expected);
    let sql = |root: &str, query: &str| -> Vec<Value> {
        let set = format!("data.root={root}");
        let flags = ["--format", "json", query, "--set", &set];
        let rows = lab.dataset.stage("ingest", "sql", &flags).expect(0).json();
        rows.as_array().expect("rows").clone()
    };
    let verdicts = "select clip_id, kept, reason, duplicate_of from clips order by clip_id";
    assert_eq!(sql("shared", verdicts), sql("alone", verdicts));

    let ids = sql("shared", "select source_id from sources order by source_id");
    let group: HashMap<&Value, usize> =
        ids.iter().enumerate().map(|(at, row)| (&row["source_id"], at / GROUP)).collect();
    let pairs = "select a.source_id as copy, b.source_id as original from clips a \
                 join clips b on a.duplicate_of = b.clip_id where a.reason = 'near_duplicate'";
    let pairs = sql("shared", pairs);
    let apart = pairs.iter().filter(|pair| group[&pair["copy"]] != group[&pair["original"]]);
    let (all, apart) = (pairs.len(), apart.count());
    assert!(all >= COPIES && apart >= COPIES / 2, "{all} pairs, {apart} in different groups");
}
