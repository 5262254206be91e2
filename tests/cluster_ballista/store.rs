//! Drivers and executors with a dataset in S3, also if the store fails.

use genie_tests::{Fault, environment};

use crate::lab::Lab;

/// Catches: executors do not find the root in S3, do not upload what they wrote, or the driver
/// cannot commit it.
#[test]
fn executors_write_to_s3() {
    equals_a_local_root(Fault::None);
}

/// Catches: a request that the store refuses, or whose answer is lost, ends a driver or an
/// executor; a group is lost or published twice, because a receipt or a version exists already.
#[test]
fn an_unreliable_store_changes_nothing() {
    equals_a_local_root(Fault::Unreliable);
}

/// Ingests with a driver and two executors into S3, and compares the dataset with a local one.
fn equals_a_local_root(fault: Fault) {
    let Some(mut lab) = Lab::new() else { return };
    let Some(server) = lab.server() else { return };
    let proxy = server.proxy(fault);
    let expected = lab.alone();
    lab.dataset.set_environment(environment(&proxy.endpoint()));
    let caches = ["data.cache=one", "data.cache=two"];
    let executors = caches.map(|cache| lab.executor(&["--set", cache]));
    lab.driver("s3://bucket/x", &["--set", "data.cache=driver"]).wait().expect(0);
    for executor in executors {
        executor.wait().expect(0);
    }
    eprintln!("{fault:?}: {}", proxy.requests());
    assert_eq!(server.content_hashes("x"), expected);
    lab.dataset.set_environment(environment(&server.endpoint()));
    let query = "select clip_id, split, kept from clips order by clip_id";
    let rows = |root: &str| {
        let set = format!("data.root={root}");
        let flags = ["--format", "csv", query, "--set", &set, "--set", "data.cache=driver"];
        lab.dataset.stage("ingest", "sql", &flags).expect(0).stdout
    };
    assert_eq!(rows("s3://bucket/x"), rows("alone"));
    let left = server.keys("x/work/");
    assert!(left.is_empty(), "what the run no longer needs: {left:?}");
}
