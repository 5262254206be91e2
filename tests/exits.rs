//! Exit codes and error messages of the built binaries.

use std::fs;

use genie_tests::Dataset;

const BINARIES: [&str; 6] =
    ["genie", "genie-ingest", "genie-tokenize", "genie-train", "genie-evaluate", "genie-play"];

/// Catches: a misspelt key is ignored, so that hours of training use the default; a message does
/// not name the right key; the exit code is not 64.
#[test]
fn an_unknown_key_names_the_nearest() {
    let dataset = Dataset::new();
    let flag = ["--set", "dynamics.stack.layrs=3"];
    dataset.pipeline(&flag).expect(64).says(flag[1]).says("did you mean `stack.layers`?");
    dataset
        .stage("train", "lam", &["--set", "lam.trian.steps=3"])
        .expect(64)
        .says("did you mean `train.steps`?");
    dataset.stage("evaluate", "run", &["--set", "evaluat.steps=3"]).expect(64).says("[evaluate]");

    let config = dataset.path("wrong.toml");
    fs::write(&config, "[data]\nroot = 'root'\n\n[ingest]\nwidht = 32\n").expect("a config file");
    dataset
        .run("genie", &["run", "wrong.toml"])
        .expect(64)
        .says("wrong.toml:5")
        .says("did you mean `width`?");
    assert!(!dataset.path("root").exists(), "nothing starts with a wrong config");
}

/// Catches: a value of the wrong type or out of range is found during a run, or by a panic.
#[test]
fn an_impossible_value_is_refused_before_anything_starts() {
    let dataset = Dataset::new();
    for set in [
        "lam.train.steps=many",
        "lam.train.steps=0",
        "data.held_out=2",
        "ingest.width=0",
        "tokenizer.quantizer.levels=[1]",
    ] {
        dataset
            .pipeline(&["--set", set])
            .expect(64)
            .says(&set[..set.find('.').expect("a section")]);
    }
    dataset.run("genie", &["run", "nowhere.toml"]).expect(64).says("nowhere.toml");
    assert!(!dataset.path("root").exists());
}

/// Catches: a misspelt device, or one that the binary cannot use, is found only after hours of
/// ingest; the exit code is not 64; a device is checked although no step to run uses it.
#[test]
fn an_unusable_device_is_refused_before_anything_starts() {
    let dataset = Dataset::new();
    let nightly = |set: &str| dataset.run("genie", &["retokenize", "tiny.toml", "--set", set]);
    for section in ["tokenizer", "lam", "dynamics", "evaluate"] {
        let wrong = format!("{section}.device=cuad");
        dataset.pipeline(&["--set", &wrong]).expect(64).says(section).says("\"cuad\"");
        nightly(&wrong).expect(64).says(section);
        // No machine has a GPU 63, and most binaries are built without CUDA.
        let missing = format!("{section}.device=cuda:63");
        let place = format!("[{section}] device");
        dataset.pipeline(&["--set", &missing]).expect(64).says(&place);
        if ["tokenizer", "lam"].contains(&section) {
            nightly(&missing).expect(64).says(&place);
        }
    }
    dataset.stage("tokenize", "fit", &["--device", "cuad"]).expect(64).says("\"cuad\"");
    assert!(!dataset.path("root").exists(), "nothing starts with an unusable device");

    // The config may be for another machine, as long as no step to run uses the device.
    let elsewhere = ["--set", "dynamics.device=cuda:63"];
    dataset.pipeline(&[&elsewhere[..], &["--dry-run"]].concat()).expect(0);
    dataset.pipeline(&[&elsewhere[..], &["--stage", "ingest"]].concat()).expect(0);
    nightly(elsewhere[1]).expect(1).says("run `genie-tokenize fit`");
    assert_eq!(dataset.status(&elsewhere).state("tokenize fit"), "missing");
    dataset.stage("train", "lam", &["--device", "cuda:63"]).expect(64).says("[lam] device");
    assert!(!dataset.path("root/models").exists());
}

/// Catches: clap's own exit code 2 is used, which here means "done, some videos were rejected".
#[test]
fn an_unknown_flag_is_wrong_usage() {
    let dataset = Dataset::new();
    for name in BINARIES {
        dataset.run(name, &["--frobnicate"]).expect(64).says("--frobnicate");
        dataset.run(name, &["frobnicate"]).expect(64);
        dataset.run(name, &[]).expect(64);
        assert!(dataset.run(name, &["--help"]).expect(0).stdout.contains(name));
        assert!(dataset.run(name, &["--version"]).expect(0).stdout.starts_with(name));
    }
}

/// Catches: an empty dataset is published; a run continues and trains on nothing.
#[test]
fn no_videos() {
    let dataset = Dataset::new();
    fs::create_dir(dataset.path("empty")).expect("a directory");
    dataset.pipeline(&["--videos", "empty"]).expect(1).says("no videos in empty");
    assert_eq!(dataset.status(&["--videos", "empty"]).all("done"), [""; 0]);
}

/// Catches: a stage is started too early, and panics or does not name the step to run first.
#[test]
fn a_step_out_of_order_says_what_comes_first() {
    let dataset = Dataset::new();
    for (stage, step) in
        [("tokenize", "fit"), ("tokenize", "encode"), ("train", "lam"), ("evaluate", "run")]
    {
        dataset.stage(stage, step, &[]).expect(1).says("run `genie-ingest run`");
    }
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset.stage("tokenize", "encode", &[]).expect(1).says("run `genie-tokenize fit`");
    dataset.stage("train", "label", &[]).expect(1).says("run `genie-train lam`");
    dataset.stage("train", "dynamics", &[]).expect(1).says("run `genie-tokenize encode`");
    dataset.stage("evaluate", "run", &[]).expect(1).says("run `genie-tokenize fit`");
}

/// Catches: a wrong query or condition returns an empty answer, or looks like a failed run.
#[test]
fn wrong_sql_is_wrong_usage() {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    for query in
        ["select nothing_of_the_kind from clips", "nothing_of_the_kind", "drop table clips"]
    {
        dataset.stage("ingest", "sql", &[query]).expect(64).says(query.split(' ').next().unwrap());
    }
    for key in ["data.where=nothing_of_the_kind > 1", "data.where=1 / (frames - frames) > 0"] {
        dataset.stage("tokenize", "fit", &["--set", key]).expect(64).says("[data] where");
    }
    for key in ["motion >", "1 / (frames - frames) > 0"] {
        let key = format!("ingest.keep={key}");
        dataset.stage("ingest", "run", &["--set", &key]).expect(64).says("ingest.keep");
    }
    let key = "data.where=nothing_of_the_kind > 1";
    dataset.stage("ingest", "run", &["--set", key]).expect(64).says("[data] where");
    dataset.stage("ingest", "sql", &["select 1 / (frames - frames) from clips"]).expect(64);
    for score in ["nothing_of_the_kind", "1 / (frames - frames)", "1.0 / (motion - motion)"] {
        dataset.stage("ingest", "stats", &["--histogram", score]).expect(64);
    }
    let export = ["--out", "out", "--where", "1 / (frames - frames) > 0"];
    dataset.stage("ingest", "export", &export).expect(64);
}
