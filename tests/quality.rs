//! The learned filter with the built binaries: label, fit, score, keep.
//!
//! Clips with strong colours stand for bad ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use genie_tests::{Dataset, Ended};
use serde_json::Value;

/// Flags of every command: the videos, and a network that is small enough for a test.
const SETS: [&str; 12] = [
    "--set",
    "data.videos=[\"good\",\"bad\"]",
    "--set",
    "ingest.near_duplicates=false",
    "--set",
    "quality.convolutions={channels=[8,16],strides=[4,2]}",
    "--set",
    "quality.train.steps=80",
    "--set",
    "quality.train.batch=32",
    "--set",
    "quality.train.lr=0.005",
];

/// A clip of the dataset.
struct TestClip {
    id: String,
    source: String,
    is_bad: bool,
}

/// A dataset of `episodes` videos of each of two kinds of levels.
fn ingested(episodes: u32) -> Dataset {
    let dataset = Dataset::new();
    record(&dataset, episodes);
    ingest(&dataset, &[]).expect(0);
    dataset
}

fn record(dataset: &Dataset, episodes: u32) {
    let count = episodes.to_string();
    for (out, more) in [("good", &[][..]), ("bad", &["--scrolling", "--seed", "9"][..])] {
        let flags = [&["--out", out, "--episodes", &count], more].concat();
        dataset.stage("ingest", "sample", &flags).expect(0);
    }
}

fn ingest(dataset: &Dataset, more: &[&str]) -> Ended {
    dataset.stage("ingest", "run", &[&SETS, more].concat())
}

fn quality(dataset: &Dataset, command: &[&str]) -> Ended {
    dataset.stage("train", "quality", &[command, &SETS].concat())
}

/// All kept clips.
fn clips(dataset: &Dataset) -> Vec<TestClip> {
    let rows = dataset
        .sql("select clip_id, source_path, saturation from clips where kept order by clip_id");
    let saturation = |row: &Value| row["saturation"].as_f64().expect("a number");
    let mut sorted: Vec<f64> = rows.iter().map(saturation).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2];
    let text = |row: &Value, name: &str| row[name].as_str().expect("a text").to_owned();
    let clip = |row: &Value| {
        let is_bad = saturation(row) > middle;
        TestClip { id: text(row, "clip_id"), source: text(row, "source_path"), is_bad }
    };
    rows.iter().map(clip).collect()
}

/// Imports labels of some clips.
fn label(dataset: &Dataset, clips: &[TestClip], is_good: impl Fn(&TestClip) -> bool) {
    let mut csv = String::from("clip_id,label\n");
    for clip in clips {
        let word = if is_good(clip) { "good" } else { "bad" };
        writeln!(csv, "{},{word}", clip.id).expect("a string");
    }
    fs::write(dataset.path("labels.csv"), csv).expect("a file");
    dataset.stage("ingest", "labels", &["import", "labels.csv", "--who", "test"]).expect(0);
}

/// The quality of each clip in the table of scores.
fn scores(dataset: &Dataset) -> BTreeMap<String, f64> {
    let rows = dataset.sql("select clip_id, quality from quality");
    let score = |row: &Value| {
        let quality = row["quality"].as_f64().expect("a number");
        (row["clip_id"].as_str().expect("an id").to_owned(), quality)
    };
    let scores: BTreeMap<String, f64> = rows.iter().map(score).collect();
    assert_eq!(scores.len(), rows.len(), "a clip has one score");
    scores
}

fn ids(dataset: &Dataset, condition: &str) -> BTreeSet<String> {
    let rows = dataset.sql(&format!("select clip_id from clips where {condition}"));
    rows.iter().map(|row| row["clip_id"].as_str().expect("an id").to_owned()).collect()
}

/// Catches: a planted class is not learnt; scores are of other clips, or are computed again; `keep`
/// drops other clips than those below the threshold, or those without a score; a second network
/// cannot learn from clips that the first one dropped; the dataset does not return to what it was.
#[test]
fn a_planted_class_is_learnt_and_filtered() {
    let dataset = ingested(40);
    let all = clips(&dataset);
    let bad = all.iter().filter(|clip| clip.is_bad).count();
    assert!(bad >= 60 && all.len() - bad >= 60, "{bad} of {} clips are bad", all.len());

    label(&dataset, &all[..60], |clip| !clip.is_bad);
    quality(&dataset, &["fit"]).expect(1).says("too few labels").says("more clips labelled");
    quality(&dataset, &["score"]).expect(1).says("genie-train quality fit");
    // The last clips have no label.
    let labelled = &all[..all.len() - 8];
    label(&dataset, labelled, |clip| !clip.is_bad);
    let report = quality(&dataset, &["fit", "--json"]).expect(0).json();
    let auc = report["auc"]["value"].as_f64().expect("an area");
    assert!(auc >= 0.95, "{report:#}");
    let page = quality(&dataset, &["fit"]).expect(0).says("up to date").stdout;
    assert!(page.contains(&format!("AUC          {auc:.3} [")), "{page}");

    let key = report["model"].as_str().expect("a key");
    let said = format!("scored {} clips, 0 had", all.len());
    assert_eq!(quality(&dataset, &["score"]).expect(0).says(&said).stdout.trim(), key);
    quality(&dataset, &["score"]).expect(0).says("up to date");
    let first = scores(&dataset);
    assert_eq!(first.len(), all.len());
    let right = |clip: &&TestClip| (first[&clip.id] < 0.5) == clip.is_bad;
    let hits = all.iter().filter(right).count();
    assert!(hits * 10 >= all.len() * 8, "{hits} of {} clips", all.len());

    // Videos that come later are scored later, and stay until then.
    record(&dataset, 42);
    let network = format!("ingest.quality={key}");
    let rules = ["--set", &network, "--set", "ingest.keep=quality >= 0.5"];
    ingest(&dataset, &rules).expect(0);
    let dropped: BTreeSet<String> =
        first.iter().filter(|(_, quality)| **quality < 0.5).map(|(id, _)| id.clone()).collect();
    assert_eq!(ids(&dataset, "not kept and reason = 'quality >= 0.5'"), dropped);
    let kept = ids(&dataset, "kept");
    let new: BTreeSet<_> = kept.iter().filter(|id| !first.contains_key(*id)).cloned().collect();
    assert!(!new.is_empty() && kept.len() == first.len() - dropped.len() + new.len());
    assert_eq!(ids(&dataset, "kept and quality is null"), new, "SQL shows the scores");
    let status = dataset.stage("train", "status", &[&["--json"], &SETS[..]].concat()).expect(0);
    let pending = format!("scores of {} clips", new.len());
    assert!(status.stdout.contains(&pending), "{}", status.stdout);
    quality(&dataset, &["score"]).expect(0).says(&format!("scored {} clips", new.len()));
    let second = scores(&dataset);
    assert!(first.iter().all(|(id, quality)| second[id].to_bits() == quality.to_bits()));
    ingest(&dataset, &rules).expect(0);
    let good = second.iter().filter(|(_, quality)| **quality >= 0.5).map(|(id, _)| id.clone());
    assert_eq!(ids(&dataset, "kept"), good.collect());
    ingest(&dataset, &rules).expect(0).says("up to date");

    // The frames of dropped clips are gone, but what networks saw of them is stored.
    label(&dataset, &clips(&dataset)[..1], |_| false);
    let again = quality(&dataset, &["fit", "--json"]).expect(0).json();
    assert_ne!(again["model"], report["model"]);
    let count = |part: &str| {
        let count = |class: &str| again[part][class].as_u64().expect("a number");
        count("good") + count("bad")
    };
    assert!(count("trained_on") + count("held_out") >= labelled.len() as u64, "{again:#}");

    dataset.stage("ingest", "verify", &[]).expect(0);
    dataset.stage("ingest", "gc", &["--older-than", "0"]).expect(0);
    assert_eq!(scores(&dataset), second, "gc deletes no score");
    ingest(&dataset, &[]).expect(0);
    assert!(ids(&dataset, "kept").is_superset(&first.keys().cloned().collect()));
    assert!(ids(&dataset, "quality is not null").is_empty());
}

/// Catches: the measurement is on the clips of the training, so that it finds what is not there.
#[test]
fn labels_without_a_meaning_are_not_learnt() {
    let dataset = ingested(36);
    let all = clips(&dataset);
    // The label of a source is a bit of a hash of its name.
    label(&dataset, &all, |clip| {
        blake3::hash(clip.source.as_bytes()).as_bytes()[0].is_multiple_of(2)
    });
    let report = quality(&dataset, &["fit", "--json"]).expect(0).json();
    let auc = report["auc"]["value"].as_f64().expect("an area");
    assert!((0.2..0.8).contains(&auc), "{report:#}");
}

/// Catches: a filter without scores is accepted and drops nothing, or everything.
#[test]
fn a_network_without_scores_is_refused() {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    let run = |sets: &[&str]| {
        let flags: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        dataset.stage("ingest", "run", &flags)
    };
    let key = "ingest.quality=0123456789abcdef";
    run(&["ingest.keep=quality > 0.6"]).expect(64).says("ingest.quality names no network");
    run(&[key, "ingest.keep=quality > 0.6"]).expect(64).says("genie-train quality score");
    run(&["ingest.quality=newest"]).expect(64).says("16 hex digits");
    dataset.stage("train", "quality", &["fit"]).expect(1).says("50 more clips labelled good");
    let unknown = ["score", "--model", "0123456789abcdef"];
    dataset.stage("train", "quality", &unknown).expect(64).says("no trained network");
}
