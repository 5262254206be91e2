//! Dataset roots in S3: equal to a directory, on any machine, whatever fails.
//!
//! A local S3 server (`moto`) stands for the store, and another cache directory for another
//! machine. Without a Python that has `moto`, or without the feature `s3`, the tests are skipped:
//! `make test-s3` runs them.

use std::fs;
use std::process::Command;

use camino::Utf8Path;
use genie_shards::{Entry, Manifest, tables};
use genie_tests::{
    ARRAY_SETS, BUCKET, Background, Dataset, Ended, Fault, S3Server, Signal, content_hashes,
    environment,
};
use serde_json::Value;

const INGEST: [&str; 2] = ["--stage", "ingest"];
/// Stages that decide about bytes in shards.
const WINDOWS: [&str; 6] = ["--stage", "ingest", "--stage", "tokenize", "--stage", "train"];

/// An S3 server; `None` if the binaries are built without S3, or there is no Python for the server.
fn server() -> Option<S3Server> {
    let set = "data.root=s3://bucket/x";
    let ended = Dataset::new().stage("ingest", "config", &["--set", set]);
    if ended.stderr.contains("built without S3") {
        eprintln!("skipped: the binaries are built without S3; `make test-s3` builds them with it");
        return None;
    }
    S3Server::start()
}

/// A dataset with videos of its own, so that paths of videos do not depend on the root.
fn dataset(endpoint: &str) -> Dataset {
    let mut dataset = Dataset::new().on_one_thread();
    dataset.stage("ingest", "sample", &["--out", "videos"]).expect(0);
    let config = dataset.path("tiny.toml");
    let text = fs::read_to_string(&config).expect("a config");
    let text = text.replace("[data]", "[data]\nvideos = [\"videos\"]\ncache = \"machine-1\"");
    fs::write(&config, text).expect("a config");
    dataset.set_environment(environment(endpoint));
    dataset
}

/// The flag for a root in the bucket.
fn root(prefix: &str) -> String {
    format!("data.root=s3://{BUCKET}/{prefix}")
}

/// The rows that describe the content of the dataset.
fn rows(dataset: &Dataset, flags: &[&str]) -> String {
    let query = "select clip_id, split, kept, (select count(*) from tokens) as tokens, \
                 (select count(*) from actions) as actions from clips order by clip_id";
    let flags = [&["--format", "csv", query], flags].concat();
    dataset.stage("ingest", "sql", &flags).expect(0).stdout
}

/// Catches: a root in S3 gives other clips, tokens, labels, models or reports than a directory; a
/// second machine does work again, or a command does not find what another machine published.
#[test]
fn a_root_in_s3_equals_a_directory() {
    let Some(server) = server() else { return };
    let proxy = server.proxy(Fault::None);
    let dataset = dataset(&proxy.endpoint());
    let began = std::time::Instant::now();
    dataset.pipeline(&[]).expect(0);
    let local_time = began.elapsed();
    let set = root("one");
    let flags = ["--set", set.as_str()];
    let began = std::time::Instant::now();
    dataset.pipeline(&flags).expect(0);
    eprintln!("local {local_time:?}, S3 {:?}: {}", began.elapsed(), proxy.requests());

    let (local, remote) = (dataset.status(&[]), dataset.status(&flags));
    assert_eq!(remote.all("done"), local.all("done"));
    for step in local.all("done") {
        assert_eq!(local.key(step), remote.key(step), "{step}");
    }
    let expected = content_hashes(&dataset.path("root"));
    assert_eq!(expected.len(), 3, "clips, tokens and labels: {expected:?}");
    assert_eq!(server.content_hashes("one"), expected);
    assert_eq!(rows(&dataset, &[]), rows(&dataset, &flags));
    assert_eq!(report(&dataset, &[]), report(&dataset, &flags));

    let flags = [flags.as_slice(), &["--set", "data.cache=machine-2"]].concat();
    let before = server.keys("one/");
    dataset.pipeline(&flags).expect(0).says("nothing to do");
    assert_eq!(report(&dataset, &[]), report(&dataset, &flags));
    assert_eq!(rows(&dataset, &[]), rows(&dataset, &flags));
    let stats = |flags: &[&str]| dataset.stage("ingest", "stats", flags).expect(0).stdout;
    let without_speed = |text: String| {
        let lines = text.lines().skip(1).filter(|line| !line.contains("speed"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without_speed(stats(&[])), without_speed(stats(&flags)));
    for stage in ["ingest", "tokenize", "train"] {
        let keep: &[&str] = if stage == "ingest" { &[] } else { &["--keep", "1"] };
        dataset.stage(stage, "verify", &flags).expect(0);
        dataset.stage(stage, "gc", &[&flags, keep].concat()).expect(0);
    }
    let text = dataset.run("genie", &[&["status", "tiny.toml"], flags.as_slice()].concat());
    assert!(text.stdout.contains(&format!("s3://{BUCKET}/one/models")), "{}", text.stdout);
    let after = server.keys("one/");
    assert_eq!(after, before, "young files stay, and nothing is written");

    // A damaged object is found although this machine has an intact copy.
    let key = before.iter().find(|key| key.contains("/clips/") && key.ends_with(".parquet"));
    let key = key.expect("a shard");
    let damaged = vec![0; server.object(key).len()];
    server.replace(key, &damaged);
    let verified = dataset.stage("ingest", "verify", &flags).expect(1);
    assert!(verified.stdout.contains(&format!("s3://{BUCKET}/{key}")), "{}", verified.stdout);
}

/// The report, without times.
fn report(dataset: &Dataset, flags: &[&str]) -> Value {
    let ended = dataset.stage("evaluate", "run", flags).expect(0);
    let path = dataset.path(ended.stdout.trim()).join("report.json");
    let mut report: Value =
        serde_json::from_slice(&fs::read(path).expect("a report")).expect("JSON");
    for field in ["created", "lineage", "speed", "generation"] {
        report.as_object_mut().expect("an object").remove(field);
    }
    report
}

/// Catches: a fault of the store loses or doubles a change, or ends the run.
#[test]
fn an_unreliable_store_changes_nothing() {
    let Some(server) = server() else { return };
    let proxy = server.proxy(Fault::Unreliable);
    let dataset = dataset(&proxy.endpoint());
    dataset.pipeline(&WINDOWS).expect(0);
    let set = root("faults");
    let flags = ["--set", set.as_str()];
    dataset.pipeline(&[&WINDOWS, flags.as_slice()].concat()).expect(0);
    eprintln!("{}", proxy.requests());
    assert_eq!(server.content_hashes("faults"), content_hashes(&dataset.path("root")));
    assert_eq!(rows(&dataset, &[]), rows(&dataset, &flags));
}

/// Catches: a run that was killed after it uploaded some files does not resume, or leaves another
/// dataset than a run without a kill; another machine cannot continue.
#[test]
fn a_killed_run_resumes_on_another_machine() {
    let Some(server) = server() else { return };
    let dataset = dataset(&server.endpoint());
    dataset.pipeline(&INGEST).expect(0);
    let expected = content_hashes(&dataset.path("root"));
    let set = root("killed");
    let mut flags = vec!["--set", set.as_str()];
    for (machine, uploads) in [("data.cache=machine-1", 2), ("data.cache=machine-2", 6)] {
        flags.truncate(2);
        flags.extend(["--set", machine]);
        let mut run = dataset.start_stage("ingest", "run", &flags);
        run.until(|| server.keys("killed/").len() >= uploads);
        // It may have ended meanwhile.
        let _ = run.signal(Signal::KILL);
        run.wait();
    }
    dataset.stage("ingest", "run", &flags).expect(0);
    assert_eq!(server.content_hashes("killed"), expected);
    assert_eq!(rows(&dataset, &[]), rows(&dataset, &flags));
}

/// Catches: two machines that commit at the same time lose an entry.
#[test]
fn machines_that_commit_at_the_same_time_lose_nothing() {
    all_commit(16, 50);
}

/// Catches: a commit asks the store for what it knows already.
#[test]
fn a_commit_needs_seven_requests() {
    let Some(requests) = all_commit(1, 20) else { return };
    // Read the newest version: 2. Upload the file: 2. Create the next version, look whether it is
    // the newest one, remove the old one: 3. The first commit also reads and writes the marker.
    assert!(requests <= 20 * 7 + 5, "{requests} requests for 20 commits");
}

/// Starts machines that make this number of commits each, and counts the entries.
///
/// Returns the number of requests before the count; `None` without a server.
fn all_commit(machines: usize, commits: usize) -> Option<u64> {
    let server = server()?;
    let proxy = server.proxy(Fault::None);
    let guard = tempfile::tempdir().expect("a directory");
    let dir = Utf8Path::from_path(guard.path()).expect("a UTF-8 name");
    let start = |name: String, commits: usize| {
        let this = std::env::current_exe().expect("this program");
        Command::new(this)
            .args(["--exact", "one_machine_that_commits", "--ignored"])
            .envs(environment(&proxy.endpoint()))
            .env("GENIE_TEST_CACHE", dir.join(&name))
            .env("GENIE_TEST_WRITER", name)
            .env("GENIE_TEST_COMMITS", commits.to_string())
            .spawn()
            .expect("a process")
    };
    let began = std::time::Instant::now();
    let writers: Vec<_> = (0..machines).map(|writer| start(writer.to_string(), commits)).collect();
    for mut writer in writers {
        assert!(writer.wait().expect("a process that ends").success());
    }
    eprintln!("{machines} × {commits}: {:?}, {}", began.elapsed(), proxy.requests());
    let requests = proxy.count();
    let mut counter = start("count".to_owned(), machines * commits);
    assert!(counter.wait().expect("a process that ends").success());
    Some(requests)
}

/// Catches: what the tests above catch. This is one of their processes, which commits or counts.
#[test]
#[ignore = "another test runs it as a process"]
fn one_machine_that_commits() {
    let Ok(writer) = std::env::var("GENIE_TEST_WRITER") else { return };
    let set = |name: &str| std::env::var(name).expect("an environment variable");
    let (cache, commits) = (set("GENIE_TEST_CACHE"), set("GENIE_TEST_COMMITS"));
    let commits: usize = commits.parse().expect("a number");
    let url = format!("s3://{BUCKET}/commits");
    let root = genie_store::mount(&url, Utf8Path::new(&cache), 1 << 30).expect("a root");
    if writer == "count" {
        let manifest = Manifest::load(&root).expect("a manifest");
        assert_eq!(manifest.table(tables::CLIPS).len(), commits);
        return;
    }
    for commit in 0..commits {
        let content = format!("{writer} {commit}");
        let blake3 = blake3::hash(content.as_bytes()).to_hex().to_string();
        let file = format!("{}.parquet", &blake3[..16]);
        fs::write(root.join(&file), &content).expect("a file");
        let entry = Entry { file, rows: 1, bytes: content.len() as u64, blake3 };
        Manifest::commit(&root, |manifest| manifest.add(tables::CLIPS, entry.clone()))
            .expect("a commit");
    }
}

/// Catches: shares of an array job on several machines give another dataset than one run, also if
/// one machine dies; the last run computes something again.
#[test]
fn an_array_of_machines_equals_one_run() {
    let Some(server) = server() else { return };
    let dataset = dataset(&server.endpoint());
    dataset.stage("ingest", "sample", &[ARRAY_SETS, &["--out", "videos"]].concat()).expect(0);
    let set = root("array");
    let steps = [("ingest", "run"), ("tokenize", "encode"), ("train", "label")];
    for (stage, command) in steps {
        let train = match stage {
            "tokenize" => Some("fit"),
            "train" => Some("lam"),
            _ => None,
        };
        let remote = [ARRAY_SETS, &["--set", &set]].concat();
        for flags in [ARRAY_SETS, &remote] {
            if let Some(model) = train {
                dataset.stage(stage, model, flags).expect(0);
            }
        }
        dataset.stage(stage, command, ARRAY_SETS).expect(0);
        let share = |index: &str| {
            let cache = format!("data.cache=machine-{index}");
            let flags = ["--set", &set, "--set", &cache, "--index", index, "--of", "3"];
            dataset.start_stage(stage, command, &[ARRAY_SETS, &flags].concat())
        };
        let mut runs: Vec<Background> = ["0", "1", "2"].map(share).into();
        if stage == "ingest" {
            runs[0].until(|| server.keys("array/").iter().any(|key| key.contains("/clips/")));
            // It may have ended meanwhile.
            let _ = runs[0].signal(Signal::KILL);
        }
        let ended: Vec<Ended> = runs.into_iter().map(Background::wait).collect();
        for run in &ended[1..] {
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
        share("0").wait().expect(0);
        dataset.stage(stage, command, &remote).expect(0);
    }
    let expected = content_hashes(&dataset.path("root"));
    assert_eq!(expected.len(), 3, "{expected:?}");
    assert_eq!(server.content_hashes("array"), expected);
}

/// Catches: a wrong root, bucket, account or endpoint gives no hint, another exit code, or a run
/// that does not end.
#[test]
fn faults_of_the_store_are_explained() {
    let Some(server) = server() else { return };
    let mut dataset = dataset(&server.endpoint());
    let run = |dataset: &Dataset, root: &str| -> Ended {
        dataset.stage("ingest", "run", &["--set", &format!("data.root={root}")])
    };
    run(&dataset, "gs://bucket/a").expect(64).says("write s3://BUCKET/PREFIX");
    run(&dataset, "s3://bucket/a b").expect(64).says("characters");
    run(&dataset, "s3://nowhere/a").expect(1).says("the bucket `nowhere` does not exist");
    dataset.set_environment(environment(&server.proxy(Fault::ReadOnly).endpoint()));
    run(&dataset, "s3://bucket/a").expect(1).says("s3://bucket/a/").says("access is denied");
    dataset.set_environment(environment("http://127.0.0.1:1"));
    run(&dataset, "s3://bucket/a").expect(1).says("AWS_ENDPOINT_URL");
    dataset.set_environment(
        environment(&server.endpoint())
            .into_iter()
            .map(|(name, value)| {
                (name, if name == "AWS_ALLOW_HTTP" { "false".to_owned() } else { value })
            })
            .collect(),
    );
    run(&dataset, "s3://bucket/a").expect(1).says("AWS_ALLOW_HTTP");
}
