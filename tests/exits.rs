//! Exit codes and the words that go with them, as shells and cron see them.

use std::fs;

use genie_tests::Dataset;

const BINARIES: [&str; 5] =
    ["genie", "genie-ingest", "genie-tokenize", "genie-train", "genie-evaluate"];

/// Would catch: a typing error that is silently ignored, so that hours of training run with the default; a message that
/// leaves the user to search; the code of another trouble.
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
    assert!(!dataset.path("root").exists(), "nothing is started with a wrong config");
}

/// Would catch: a value of the wrong type or out of range found out in the middle of a run, or by a panic.
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

/// Would catch: clap's own code 2, which here means "done, some videos were rejected".
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

/// Would catch: an empty dataset published as if it were one, and a run that goes on to train on nothing.
#[test]
fn no_videos() {
    let dataset = Dataset::new();
    fs::create_dir(dataset.path("empty")).expect("a directory");
    dataset.pipeline(&["--videos", "empty"]).expect(1).says("no videos in empty");
    assert_eq!(dataset.status(&["--videos", "empty"]).all("done"), [""; 0]);
}

/// Would catch: a stage run by hand, too early, ending in a panic or in a message that does not say what to do first.
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

/// Would catch: a query's mistake that looks like an empty answer.
#[test]
fn a_wrong_query_fails() {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset
        .stage("ingest", "sql", &["select nothing_of_the_kind from clips"])
        .expect(1)
        .says("nothing_of_the_kind");
}
