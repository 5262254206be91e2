//! Array mode: any number of shares, in any order, killed and repeated, gives the same dataset.

use genie_tests::{ARRAY_SETS, Background, Dataset, Ended, Signal, content_hashes};

/// The steps with array mode.
const STEPS: [[&str; 2]; 3] = [["ingest", "run"], ["tokenize", "encode"], ["train", "label"]];

/// Runs a step, or a share of it: `&["--index", "0", "--of", "3"]`.
fn step(dataset: &Dataset, [stage, command]: [&str; 2], root: &str, flags: &[&str]) -> Ended {
    let root = format!("data.root={root}");
    dataset.stage(stage, command, &[ARRAY_SETS, &["--set", &root], flags].concat())
}

/// Trains the model that a step needs.
fn train(dataset: &Dataset, [stage, _]: [&str; 2], root: &str) {
    match stage {
        "tokenize" => drop(step(dataset, [stage, "fit"], root, &[]).expect(0)),
        "train" => drop(step(dataset, [stage, "lam"], root, &[]).expect(0)),
        _ => {}
    }
}

/// Catches: shards depend on the number of shares, on their order or on a kill; a share finishes a
/// step, works twice, or excludes another one; the last run computes something again.
#[test]
fn shares_make_the_same_dataset_as_one_run() {
    let dataset = Dataset::new().on_one_thread();
    dataset.stage("ingest", "sample", &[ARRAY_SETS, &["--out", "videos"]].concat()).expect(0);
    for of_step in STEPS {
        train(&dataset, of_step, "whole");
        step(&dataset, of_step, "whole", &[]).expect(0);
    }
    let expected = content_hashes(&dataset.path("whole"));
    assert_eq!(expected.len(), 3, "{expected:?}");

    for (root, of, order) in [("one", "1", vec!["0"]), ("three", "3", vec!["2", "0", "1"])] {
        for of_step in STEPS {
            train(&dataset, of_step, root);
            if of_step[0] == "ingest" && of == "3" {
                killed_after_a_group(&dataset, root);
            }
            for index in &order {
                let flags = ["--index", index, "--of", of];
                step(&dataset, of_step, root, &flags).expect(0).says("without");
            }
            let flags = ["--index", "0", "--of", of];
            step(&dataset, of_step, root, &flags).expect(0);
            step(&dataset, of_step, root, &[]).expect(0);
            step(&dataset, of_step, root, &flags).expect(0);
        }
        assert_eq!(content_hashes(&dataset.path(root)), expected, "{of} shares");
    }
}

/// Starts all shares at the same time, and kills one after it has published a group.
fn killed_after_a_group(dataset: &Dataset, root: &str) {
    let set = format!("data.root={root}");
    let start = |index: &str| {
        let flags = ["--set", &set, "--index", index, "--of", "3"];
        dataset.start_stage("ingest", "run", &[ARRAY_SETS, &flags].concat())
    };
    let mut runs: Vec<_> = ["0", "1", "2"].iter().map(|index| start(index)).collect();
    let clips = dataset.path(root).join("clips");
    let published = || clips.read_dir().is_ok_and(|mut files| files.next().is_some());
    runs[0].until(published);
    // It may have ended meanwhile.
    let _ = runs[0].signal(Signal::KILL);
    let ended = runs.into_iter().map(Background::wait).collect::<Vec<_>>();
    for run in &ended[1..] {
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
}

/// Catches: a wrong number of a share starts work, or is not explained.
#[test]
fn wrong_shares_are_refused() {
    let dataset = Dataset::new();
    for [stage, command] in STEPS {
        let run = |flags: &[&str]| dataset.stage(stage, command, flags).expect(64);
        run(&["--index", "3", "--of", "3"]).says("numbered from 0 to 2");
        run(&["--index", "0", "--of", "0"]).says("at least 1");
        run(&["--index", "0"]).says("--of");
        run(&["--of", "2"]).says("--index");
    }
    let flags = ["--index", "0", "--of", "2", "--replace"];
    dataset.stage("ingest", "run", &flags).expect(64).says("cannot be used with");
}
