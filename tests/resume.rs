//! Training that is stopped, killed, locked out, and goes on.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::Dataset;
use serde_json::Value;

/// Long enough to be stopped in the middle; some seconds.
const LONG: [&str; 6] = [
    "--set",
    "lam.train.steps=400",
    "--set",
    "lam.train.log_every=1",
    "--set",
    "lam.train.checkpoint_every=25",
];

fn ingested() -> Dataset {
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset
}

fn lam(dataset: &Dataset) -> Utf8PathBuf {
    dataset.path(dataset.status(&LONG).dir("train lam"))
}

/// The steps in the log of metrics.
fn logged(run: &Utf8Path) -> Vec<u64> {
    let log = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    // The last line may be in the middle of being written.
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    let step = |line: &str| {
        serde_json::from_str::<Value>(line).expect("a line of JSON")["step"]
            .as_u64()
            .expect("a step")
    };
    whole.lines().map(step).collect()
}

fn checkpoints(run: &Utf8Path) -> Vec<u64> {
    let names = run
        .read_dir_utf8()
        .expect("a run")
        .map(|entry| entry.expect("an entry").file_name().to_owned());
    let mut steps: Vec<u64> =
        names.filter_map(|name| name.strip_prefix("step-")?.parse().ok()).collect();
    steps.sort_unstable();
    steps
}

fn weights(run: &Utf8Path) -> Vec<u8> {
    fs::read(run.join("step-400/model.safetensors")).expect("the last checkpoint's weights")
}

/// Would catch: a signal that loses the work since the last checkpoint; another exit code than the shell's; a run that
/// begins anew instead of going on; anything (weights, moments, schedule, batches, noise, running means) that a resumed
/// run does not take up where it was, down to the last bit; steps logged twice.
#[test]
fn stopped_and_resumed_is_as_never_stopped() {
    let dataset = ingested();
    let run = lam(&dataset);
    dataset.stage("train", "lam", &LONG).expect(0);
    let (never_stopped, all) = (weights(&run), (1..=400).collect::<Vec<_>>());
    assert_eq!(logged(&run), all);
    fs::remove_dir_all(&run).expect("the finished run");

    let mut training = dataset.start_stage("train", "lam", &LONG);
    training.until(|| logged(&run).len() > 30);
    training.stop("TERM").expect(143).says("goes on from there");
    let stopped_at = *checkpoints(&run).last().expect("a checkpoint");
    assert_eq!(
        logged(&run).last(),
        Some(&stopped_at),
        "the checkpoint is of the last step, not of an earlier one"
    );
    assert_eq!(dataset.status(&LONG).state("train lam"), "partial");
    dataset.stage("train", "label", &LONG).expect(1).says("not trained yet");

    dataset
        .stage("train", "lam", &LONG)
        .expect(0)
        .says(&format!("going on after step {stopped_at} of 400"));
    assert_eq!(dataset.status(&LONG).state("train lam"), "done");
    assert_eq!(logged(&run), all);
    assert!(
        weights(&run) == never_stopped,
        "other weights than those of the run that was never stopped"
    );
}

/// Would catch: a run that was killed (out of memory, power) leaving what the next takes for a checkpoint, or not starting
/// from its last whole one.
#[test]
fn killed_and_resumed_is_as_never_stopped() {
    let dataset = ingested();
    let run = lam(&dataset);
    dataset.stage("train", "lam", &LONG).expect(0);
    let never_stopped = weights(&run);
    fs::remove_dir_all(&run).expect("the finished run");

    let mut training = dataset.start_stage("train", "lam", &LONG);
    training.until(|| logged(&run).len() > 60);
    assert_eq!(training.stop("KILL").code, None);
    let whole = *checkpoints(&run).last().expect("a checkpoint");
    assert!(whole >= 25 && whole.is_multiple_of(25), "{whole}");
    // Half-written: no `state.json`, and a name that would be the newest.
    let torn = run.join("step-399");
    fs::create_dir(&torn).expect("a directory");
    fs::write(torn.join("model.safetensors"), b"half").expect("a file");

    dataset
        .stage("train", "lam", &LONG)
        .expect(0)
        .says(&format!("going on after step {whole} of 400"));
    assert_eq!(logged(&run), (1..=400).collect::<Vec<_>>());
    assert!(
        weights(&run) == never_stopped,
        "other weights than those of the run that was never killed"
    );
}

/// Would catch: two cron jobs writing one directory; a lock that outlives its holder; a message that does not say who.
#[test]
fn locked_by_another_run() {
    let dataset = ingested();
    let run = lam(&dataset);
    let mut training = dataset.start_stage("train", "lam", &LONG);
    training.until(|| !logged(&run).is_empty());
    dataset.stage("train", "lam", &LONG).expect(75).says("locked by another run (genie-train");
    let other = [&LONG[..], &["--set", "lam.train.steps=3"]].concat();
    dataset.stage("train", "lam", &other).expect(0);
    training.stop("KILL");
    dataset.stage("train", "lam", &LONG).expect(0);
}

/// Would catch: a SIGTERM to the pipeline (systemd, a container) that leaves its child running or unsaved, or is reported as
/// a failure; a pipeline that begins the stopped step anew.
#[test]
fn the_pipeline_stops_and_goes_on() {
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    let run = lam(&dataset);
    let mut pipeline = dataset.start_pipeline(&LONG);
    pipeline.until(|| logged(&run).len() > 10);
    pipeline.stop("TERM").expect(143).says("the same command goes on from there");
    let steps = dataset.status(&LONG);
    assert_eq!((steps.state("tokenize encode"), steps.state("train lam")), ("done", "partial"));
    dataset
        .pipeline(&LONG)
        .expect(0)
        .says("[3/8] tokenize fit: up to date")
        .says("going on after step");
    assert_eq!(dataset.status(&LONG).all("done").len(), 8);
}

/// Would catch: an evaluation that begins anew after it was stopped or killed, or whose report then differs; what it kept left lying
/// beside the report.
#[test]
fn an_evaluation_goes_on() {
    // Batches of one window, so that there are some to be killed between; all but the first two are kept.
    let words =
        ["evaluate.windows=12", "evaluate.batch=1", "evaluate.samples=4", "evaluate.steps=8"];
    let words = words.map(|word| ["--set", word]).concat();
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&words).expect(0);
    let report = dataset.path(dataset.status(&words).dir("evaluate run"));
    let made = |name: &str| fs::read_to_string(report.join(name)).expect("a part of the report");
    // When it was made, and how fast the machine was then, is all that may differ.
    let differs =
        |line: &&str| line.contains("\"created\"") || line.contains("frames_per_second\"");
    let undated =
        |json: String| json.lines().filter(|line| !differs(line)).collect::<Vec<_>>().join("\n");
    let whole = (undated(made("report.json")), made("manifest.json"));
    fs::remove_dir_all(&report).expect("the finished report");

    let parts = || {
        fs::read_to_string(report.join("parts/manifest.json"))
            .map_or(0, |json| json.matches("\"file\"").count())
    };
    let mut killed = dataset.start_stage("evaluate", "run", &words);
    killed.until(|| parts() > 0);
    assert_eq!(killed.stop("KILL").code, None);
    assert_eq!(dataset.status(&words).state("evaluate run"), "partial");
    let mut stopped = dataset.start_stage("evaluate", "run", &words);
    let before = parts();
    stopped.until(|| parts() > before);
    stopped
        .stop("TERM")
        .expect(143)
        .says("of 12 windows are measured already")
        .says("goes on from there");

    dataset.stage("evaluate", "run", &words).expect(0).says("of 12 windows are measured already");
    assert_eq!((undated(made("report.json")), made("manifest.json")), whole);
    assert!(!report.join("parts").exists());
}
