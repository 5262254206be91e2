//! The three steps that executors do, as `genie run` starts them.

use std::collections::BTreeMap;

use genie_tests::{BUCKET, Fault, environment};

use crate::lab::Lab;

/// Catches: executors write other tokens or labels than one process; `[cluster]` in the config does
/// not reach the steps of `genie run`; an executor of another program does not wait.
#[test]
fn the_pipeline_runs_on_executors() {
    let Some(lab) = recorded() else { return };
    let expected = alone(&lab);
    on_executors(&lab, &["data.root=shared"]);
    assert_eq!(lab.hashes("shared"), expected);
}

/// Catches: a share of tokens or labels is lost, or is published twice, because the store fails.
#[test]
fn the_pipeline_runs_on_executors_with_an_unreliable_store() {
    let Some(mut lab) = recorded() else { return };
    let Some(server) = lab.server() else { return };
    let expected = alone(&lab);
    let proxy = server.proxy(Fault::Unreliable);
    lab.dataset.set_environment(environment(&proxy.endpoint()));
    on_executors(&lab, &[&format!("data.root=s3://{BUCKET}/x"), "data.cache=driver"]);
    eprintln!("{}", proxy.requests());
    assert_eq!(server.content_hashes("x"), expected);
}

/// A dataset with videos, whose binaries use one thread each.
fn recorded() -> Option<Lab> {
    let mut lab = Lab::new()?;
    lab.dataset = lab.dataset.on_one_thread();
    lab.dataset.stage("ingest", "sample", &[]).expect(0);
    Some(lab)
}

/// Runs the steps with these settings.
fn run(lab: &Lab, sets: &[&str]) {
    let stages = ["--stage", "ingest", "--stage", "tokenize", "--stage", "train"];
    let mut flags = [&stages[..], &["--set", "data.videos=[\"root/videos\"]"]].concat();
    for set in sets {
        flags.extend(["--set", set]);
    }
    lab.dataset.pipeline(&flags).expect(0);
}

/// The hashes of a run without executors.
fn alone(lab: &Lab) -> BTreeMap<String, String> {
    run(lab, &["data.root=alone"]);
    let hashes = lab.hashes("alone");
    assert_eq!(hashes.len(), 3, "{hashes:?}");
    hashes
}

/// Runs the steps with one executor of each program.
fn on_executors(lab: &Lab, sets: &[&str]) {
    let address = lab.address();
    let executors = ["ingest", "tokenize", "train"].map(|stage| {
        let cache = format!("data.cache={stage}");
        let flags = ["--connect", address.as_str(), "--set", &cache];
        lab.dataset.start_stage(stage, "executor", &flags)
    });
    let listen = format!("cluster.listen={address}");
    run(lab, &[sets, &[&listen]].concat());
    for executor in executors {
        executor.wait().expect(0).says("the driver has done all work");
    }
}
