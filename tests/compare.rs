//! `genie-evaluate compare`: reports side by side, and gates for cron.

use std::fs;

use genie_tests::{Dataset, Ended};
use serde_json::{Value, json};

/// Arguments for a dynamics model that is trained for longer than the default one.
const LONGER: [&str; 2] = ["--set", "dynamics.train.steps=30"];

/// Makes a dataset with a report; returns it with the report's directory.
fn reported() -> (Dataset, String) {
    let dataset = Dataset::new();
    dataset.pipeline(&[]).expect(0);
    let report = dataset.status(&[]).dir("evaluate run").to_owned();
    (dataset, report)
}

fn compare(dataset: &Dataset, words: &[&str]) -> Ended {
    dataset.run("genie-evaluate", &[&["compare"], words].concat())
}

/// The cells of a metric, one for each report.
fn cells(compared: &Value, metric: &str) -> Vec<Value> {
    let lines = compared["metrics"].as_array().expect("a list of metrics");
    let line =
        lines.iter().find(|line| line["metric"] == metric).unwrap_or_else(|| panic!("no {metric}"));
    line["cells"].as_array().expect("a cell a report").clone()
}

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Catches: numbers differ from those in the reports; a difference has the wrong sign; intervals
/// are missing although the windows are the same; a gate checks the first report, or passes where
/// it should fail.
#[test]
fn two_models_side_by_side() {
    let (dataset, first) = reported();
    dataset.pipeline(&LONGER).expect(0);
    let (before, after) = (dataset.report(&[]), dataset.report(&LONGER));
    let second = dataset.status(&LONGER).dir("evaluate run").to_owned();

    let compared = compare(&dataset, &[&first, &second, "--json"]).expect(0).json();
    assert_eq!(compared["warnings"], json!([]), "measured in the same way");
    assert_eq!(compared["reports"][1]["lineage"]["dynamics"], after["lineage"]["dynamics"]);
    let [a, b] = &cells(&compared, "psnr_4")[..] else { panic!("two reports") };
    assert_eq!(
        [&a["value"], &b["value"]],
        [&before, &after].map(|report| &report["rollout"]["psnr_db"][3]["mean"])
    );
    let change = number(&b["value"]) - number(&a["value"]);
    assert!((number(&b["change"]) - change).abs() < 1e-12 && a["change"].is_null());
    assert!(
        number(&b["change_ci95"][0]) <= change && change <= number(&b["change_ci95"][1]),
        "{b}"
    );
    assert!(
        cells(&compared, "clip_distance")[1]["change"].is_f64(),
        "the encoder and the number of clips are the same"
    );

    let text = compare(&dataset, &[&first, &second]).expect(0).stdout;
    assert!(
        text.contains("B − A")
            && text.contains("\ndelta_psnr_4 ")
            && !text.contains("\ndelta_psnr_5 "),
        "{text}"
    );

    // One of the two values is below the middle.
    assert!(change.abs() > 1e-9, "two models that generate the same frames");
    let bound = format!("psnr_4 < {}", number(&a["value"]) + change / 2.0);
    let judged =
        |reports: &[&str]| compare(&dataset, &[reports, &["--fail-if", &bound]].concat()).code;
    let expected = if change < 0.0 { [Some(1), Some(0)] } else { [Some(0), Some(1)] };
    assert_eq!([judged(&[&first, &second]), judged(&[&second, &first])], expected, "{bound}");
    assert_eq!([judged(&[&second]), judged(&[&first])], expected);
    compare(&dataset, &[&first, &second, "--fail-if", "change in psnr_4 > -1e9"])
        .expect(1)
        .says("failed: change in psnr_4");
    let passed =
        compare(&dataset, &[&first, &second, "--json", "--fail-if", "change in psnr_4 > 1e9"])
            .expect(0)
            .json();
    assert_eq!(passed["gates"][0]["failed"], false);
    assert!((number(&passed["gates"][0]["value"]) - change).abs() < 1e-12);
}

/// Catches: a gate passes because its number is missing; a wrong expression is accepted; the exit
/// code differs from that of wrong usage.
#[test]
fn a_gate_that_cannot_be_evaluated_does_not_pass() {
    let (dataset, report) = reported();
    let gate = |expression: &str| compare(&dataset, &[&report, "--fail-if", expression]);
    gate("delta_psnr_4 > 1e9").expect(0).says("passed");
    gate("fvd > 500").expect(1).says("without the weights of I3D");
    gate("delta_psnr_99 < 1").expect(1).says("no such generated frame");
    gate("delta_pnsr_4 < 1").expect(64).says("did you mean `delta_psnr_4`?");
    gate("delta_psnr_4 < one").expect(64).says("`one` is not a number");
    gate("change in delta_psnr_4 < 0").expect(64).says("name two");
    compare(&dataset, &[]).expect(64);
    compare(&dataset, &["nowhere", "--fail-if", "nmi < 0"])
        .expect(1)
        .says("there is no report nowhere");
    // A report can be named by its key, under the root of the config.
    let key = report.rsplit('/').next().expect("a key");
    dataset.stage("evaluate", "compare", &[key, "--fail-if", "tokenizer_psnr < 0"]).expect(0);
}

/// Catches: numbers that were measured in different ways give no warning; a report of an older
/// version cannot be compared, or is compared as if nothing were missing; a damaged file of windows
/// ends the comparison, or is used.
#[test]
fn differences_of_measurement_give_a_warning() {
    let (dataset, report) = reported();
    let other = ["--set", "evaluate.steps=3", "--set", "evaluate.windows=5"];
    dataset.stage("evaluate", "run", &other).expect(0);
    let other = dataset.status(&other).dir("evaluate run").to_owned();
    let text = compare(&dataset, &[&report, &other])
        .expect(0)
        .says("the sampler's steps (2 and 3)")
        .says("not comparable by clip_distance: different numbers of real clips (6 and 5)")
        .stdout;
    assert!(
        text.contains(
            "B − A has no intervals: the windows differ: 6 and 5 windows, 5 of them in both"
        ),
        "{text}"
    );
    compare(&dataset, &[&report, &other, "--fail-if", "change in clip_distance > 1e9"])
        .expect(1)
        .says("cannot tell");

    let file = |name: &str| dataset.path(&report).join(name);
    let mut old: Value =
        serde_json::from_slice(&fs::read(file("report.json")).expect("a report")).expect("JSON");
    old["schema_version"] = 1.into();
    old.as_object_mut().expect("an object").remove("distances");
    old["action_agreement"] = Value::Null;
    fs::write(dataset.path("old.json"), old.to_string()).expect("a file");
    let compared = compare(&dataset, &["old.json", &report, "--json"])
        .expect(0)
        .says("version of the report")
        .json();
    let cell = &cells(&compared, "psnr_4")[1];
    assert!(cell["change"] == 0.0 && cell["change_ci95"].is_null(), "{cell}");
    assert!(cell["note"].as_str().is_some_and(|note| note.contains("windows.parquet")), "{cell}");
    assert!(
        cells(&compared, "nmi")[1]["note"]
            .as_str()
            .is_some_and(|note| note.contains("A has no nmi"))
    );
    compare(&dataset, &[&report, "old.json", "--fail-if", "nmi < 0"])
        .expect(1)
        .says("no held-out recording has true actions");
    old["schema_version"] = 99.into();
    fs::write(dataset.path("later.json"), old.to_string()).expect("a file");
    compare(&dataset, &["later.json"]).expect(1).says("of schema 99");

    let mut bytes = fs::read(file("windows.parquet")).expect("windows");
    bytes[200] ^= 1;
    fs::write(file("windows.parquet"), bytes).expect("a file");
    let text = compare(&dataset, &[&report, &report]).expect(0).stdout;
    assert!(text.contains("B − A has no intervals") && text.contains("damaged"), "{text}");
}
