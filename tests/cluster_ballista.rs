//! Drivers and executors on one machine: whoever dies, the dataset is that of one process.
//!
//! The binaries need the feature `cluster`: `make test-cluster` builds them so. Else the tests are
//! skipped. The test with S3 also needs the feature `s3` and a Python with `moto`.

#[path = "cluster_ballista/lab.rs"]
mod lab;
#[path = "cluster_ballista/near_duplicates.rs"]
mod near_duplicates;
#[path = "cluster_ballista/pipeline.rs"]
mod pipeline;
#[path = "cluster_ballista/store.rs"]
mod store;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use genie_tests::{Dataset, Signal, binary};
use lab::{Lab, VIDEOS};

/// Catches: executors write other clips than threads; the driver publishes a group twice or not at
/// all, or does work again; executors do not end with the driver.
#[test]
fn two_executors_make_the_same_dataset_as_threads() {
    let Some(lab) = Lab::new() else { return };
    let expected = lab.alone();
    let executors = [lab.executor(&[]), lab.executor(&[])];
    lab.driver("shared", &[]).wait().expect(0);
    for executor in executors {
        executor.wait().expect(0).says("the driver has done all work");
    }
    assert_eq!(lab.hashes("shared"), expected);
    let work = lab.path("shared/work/ingest");
    assert!(!work.exists(), "the receipts stay after they were published: {work}");
    lab.run_without_cluster("shared").says("is up to date");
}

/// Catches: the work of an executor that is killed is lost, or is published twice.
#[test]
fn a_killed_executor_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    let expected = lab.alone();
    let victim = lab.executor(&[]);
    let driver = lab.driver("shared", &[]);
    // Only the victim is there, so it gets a unit.
    lab.stopped_at_work(&victim, "shared", None);
    let survivor = lab.executor(&[]);
    victim.signal(Signal::KILL);
    driver.wait().expect(0);
    survivor.wait().expect(0);
    assert_eq!(lab.hashes("shared"), expected);
}

/// Catches: a driver that is killed loses what executors did, its executors end, or the next driver
/// has it done again.
#[test]
fn a_killed_driver_is_repeated() {
    let Some(lab) = Lab::new() else { return };
    let expected = lab.alone();
    let executors = [lab.executor(&[]), lab.executor(&[])];
    let mut driver = lab.driver("shared", &[]);
    let receipts = lab.path("shared/work/ingest/receipts");
    driver.until(|| receipts.read_dir().is_ok_and(|mut files| files.next().is_some()));
    driver.signal(Signal::KILL);
    let killed = driver.wait();
    assert_eq!(killed.code, None, "{}", killed.stderr);
    lab.driver("shared", &[]).wait().expect(0);
    for executor in executors {
        executor.wait().expect(0);
    }
    assert_eq!(lab.hashes("shared"), expected);
}

/// Catches: a driver without executors hangs, or does not say why it ends.
#[test]
fn a_driver_without_executors_ends() {
    let Some(lab) = Lab::new() else { return };
    let executors = [lab.executor(&[]), lab.executor(&[])];
    let driver = lab.driver("shared", &["--wait", "1"]);
    lab.stopped_at_work(&executors[0], "shared", None);
    for executor in &executors {
        executor.signal(Signal::KILL);
    }
    driver.wait().expect(1).says("no executor is left").says("run the same command again");
}

/// Catches: a video that ends every executor ends the run, or takes other videos with it.
#[test]
fn a_video_that_ends_executors_is_rejected() {
    let Some(lab) = Lab::new() else { return };
    let bad = lab.path(VIDEOS).join("bad.mp4");
    lab.long_video(&bad);
    let id = blake3::hash(&fs::read(&bad).expect("a video")).to_hex().to_string();
    let mut executors = vec![lab.executor(&[])];
    let driver = lab.driver("shared", &[]);
    for _ in 0..2 {
        let victim = executors.pop().expect("an executor");
        lab.stopped_at_work(&victim, "shared", Some(&id));
        executors.push(lab.executor(&[]));
        victim.signal(Signal::KILL);
    }
    driver.wait().expect(2).says("decoder_crashed");
    for executor in executors {
        executor.wait().expect(0);
    }
    let query = "select source_path, reason, detail from sources where status = 'rejected'";
    let flags = ["--format", "json", query, "--set", "data.root=shared"];
    let rejects = lab.dataset.stage("ingest", "sql", &flags).expect(0).json();
    assert_eq!(rejects[0]["reason"], "decoder_crashed", "{rejects}");
    let detail = rejects[0]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("2 executors"), "{rejects}");
    assert_eq!(rejects.as_array().map(Vec::len), Some(1), "{rejects}");
}

/// Catches: an executor that stands still for a while is waited for, or its late result damages
/// the dataset; a driver that stands still loses its executors.
#[test]
fn standing_still_is_harmless() {
    let Some(lab) = Lab::new() else { return };
    let expected = lab.alone();
    for who in ["executor", "driver"] {
        let still = lab.executor(&[]);
        let driver = lab.driver(who, &[]);
        lab.stopped_at_work(&still, who, None);
        let other = lab.executor(&[]);
        if who == "driver" {
            still.signal(Signal::CONT);
            driver.signal(Signal::STOP);
        }
        // Longer than after which an executor is lost.
        sleep(Duration::from_secs(20));
        for process in [&still, &driver] {
            process.signal(Signal::CONT);
        }
        driver.wait().expect(0);
        other.wait().expect(0);
        assert_eq!(lab.hashes(who), expected, "{who}");
        // It may have missed the end of the driver.
        drop(still);
    }
}

/// Catches: an executor goes on for a driver that was stopped; work that is done is lost.
#[test]
fn ctrl_c_stops_driver_and_executors() {
    let Some(lab) = Lab::new() else { return };
    let expected = lab.alone();
    let executors = [lab.executor(&[]), lab.executor(&[])];
    let mut driver = lab.driver("shared", &[]);
    let attempts = lab.path("shared/work/ingest/attempts");
    driver.until(|| attempts.exists());
    driver.stop(Signal::INT).expect(130);
    for executor in executors {
        executor.wait().expect(130).says("the driver was stopped");
    }
    lab.run_without_cluster("shared");
    assert_eq!(lab.hashes("shared"), expected);
}

/// Catches: Ctrl-C on an executor fails the run, or counts as a crash of the video.
#[test]
fn a_stopped_executor_gives_its_work_back() {
    let Some(lab) = Lab::new() else { return };
    let expected = lab.alone();
    let stopped = lab.executor(&[]);
    let driver = lab.driver("shared", &[]);
    lab.stopped_at_work(&stopped, "shared", None);
    let other = lab.executor(&[]);
    stopped.signal(Signal::TERM);
    stopped.signal(Signal::CONT);
    stopped.wait().expect(143);
    driver.wait().expect(0);
    other.wait().expect(0);
    assert_eq!(lab.hashes("shared"), expected);
}

/// Catches: an executor of another build, or with another FFmpeg, gets work, or hangs.
#[test]
fn another_build_is_rejected() {
    let Some(lab) = Lab::new() else { return };
    let other = lab.path("genie-ingest-other");
    fs::copy(binary("genie-ingest"), &other).expect("a copy");
    let mut file = File::options().append(true).open(&other).expect("the copy");
    file.write_all(b"another build").expect("a longer copy");
    drop(file);
    let driver = lab.driver("shared", &[]);
    let mut command = Command::new(&other);
    let rejected = command.args(["executor", "--connect", &lab.address()]).output();
    let rejected = rejected.expect("an executor");
    let stderr = String::from_utf8_lossy(&rejected.stderr);
    assert_eq!(rejected.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("start executors of the driver's build"), "{stderr}");
    let executor = lab.executor(&[]);
    driver.wait().expect(0).says("is rejected");
    executor.wait().expect(0);
}

/// Catches: a machine without the videos makes rejects, or the run does not say which machine.
#[test]
fn an_executor_without_the_videos_ends_the_run() {
    let Some(lab) = Lab::new() else { return };
    let elsewhere = Dataset::new();
    let address = lab.address();
    let flags = ["--connect", address.as_str(), "--slots", "1"];
    let executor = elsewhere.start_stage("ingest", "executor", &flags);
    let driver = lab.driver("shared", &[]).wait().expect(1);
    driver.says("cannot find").says("all executors must see the videos");
    executor.stop(Signal::TERM).expect(143);
}

/// Catches: a command of the jobs for Kubernetes has a misspelt flag, or they use different ports.
#[test]
fn the_jobs_of_kubernetes_do_the_work() {
    let Some(lab) = Lab::new() else { return };
    lab.dataset.stage("ingest", "sample", &[]).expect(0);
    let jobs = include_str!("../pipelines/cluster/executors.yaml");
    let commands = jobs.lines().filter_map(|line| line.trim().strip_prefix("command: "));
    let binaries = binary("genie").parent().expect("a folder").display().to_string();
    let path = format!("{binaries}:{}", std::env::var("PATH").expect("a path"));
    let start = |words: &str| {
        let words: Vec<String> = serde_json::from_str(words).expect("a list of words");
        let words = words.iter().map(|word| {
            let word = word.replace("/etc/genie/genie.toml", "tiny.toml");
            let word = word.replace("0.0.0.0:7700", &lab.address());
            word.replace("genie-driver:7700", &lab.address())
        });
        let mut command = Command::new("env");
        command.current_dir(lab.path("")).env("PATH", &path).args(words).spawn().expect("a job")
    };
    let mut running: Vec<_> = commands.map(start).collect();
    assert_eq!(running.len(), 2, "a driver and executors");
    for job in &mut running {
        assert!(job.wait().expect("a job").success());
    }
    assert_eq!(lab.dataset.status(&[]).state("ingest run"), "done");
}

/// Catches: a build without the feature starts to work as if there was no cluster.
#[test]
fn a_build_without_the_feature_says_so() {
    let dataset = Dataset::new();
    let ended = dataset.stage("ingest", "executor", &["--connect", "nonsense"]).expect(64);
    let expected: BTreeMap<bool, &str> =
        [(true, "write HOST:PORT"), (false, "built without the feature `cluster`")].into();
    ended.says(expected[&Lab::is_built()]);
    let flags = ["--cluster", "127.0.0.1:0", "--index", "0", "--of", "2"];
    dataset.stage("ingest", "run", &flags).expect(64).says("cannot be used with");
}
