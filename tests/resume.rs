//! Training that is stopped or killed and resumes, and training that finds a lock.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use genie_shards::Manifest;
use genie_tests::{Dataset, Signal};
use serde_json::Value;

/// Arguments for a training that takes some seconds, so that it can be stopped before its end.
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

/// The training steps in the log of metrics.
fn logged(run: &Utf8Path) -> Vec<u64> {
    let log = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    // The last line may be incomplete.
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

/// Catches: a signal loses the work since the last checkpoint; the exit code differs from the
/// shell's; a run starts again instead of resuming; a resumed run does not restore weights,
/// moments, schedule, batches, noise or running means to the last bit; training steps are logged
/// twice.
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
    training.stop(Signal::TERM).expect(143).says("to resume");
    let stopped_at = *checkpoints(&run).last().expect("a checkpoint");
    assert_eq!(
        logged(&run).last(),
        Some(&stopped_at),
        "the checkpoint is of the last training step, not of an earlier one"
    );
    assert_eq!(dataset.status(&LONG).state("train lam"), "partial");
    dataset.stage("train", "label", &LONG).expect(1).says("not trained yet");

    dataset
        .stage("train", "lam", &LONG)
        .expect(0)
        .says(&format!("resuming after step {stopped_at} of 400"));
    assert_eq!(dataset.status(&LONG).state("train lam"), "done");
    assert_eq!(logged(&run), all);
    assert!(
        weights(&run) == never_stopped,
        "the weights differ from those of the run that was never stopped"
    );
}

/// Catches: the next run loads an incomplete checkpoint of a killed run; a run does not resume from
/// the last complete checkpoint.
#[test]
fn killed_and_resumed_is_as_never_stopped() {
    let dataset = ingested();
    let run = lam(&dataset);
    dataset.stage("train", "lam", &LONG).expect(0);
    let never_stopped = weights(&run);
    fs::remove_dir_all(&run).expect("the finished run");

    let mut training = dataset.start_stage("train", "lam", &LONG);
    training.until(|| logged(&run).len() > 60);
    assert_eq!(training.stop(Signal::KILL).code, None);
    let whole = *checkpoints(&run).last().expect("a checkpoint");
    assert!(whole >= 25 && whole.is_multiple_of(25), "{whole}");
    // An incomplete checkpoint: it has no `state.json`, and its name is the newest.
    let torn = run.join("step-399");
    fs::create_dir(&torn).expect("a directory");
    fs::write(torn.join("model.safetensors"), b"half").expect("a file");

    dataset
        .stage("train", "lam", &LONG)
        .expect(0)
        .says(&format!("resuming after step {whole} of 400"));
    assert_eq!(logged(&run), (1..=400).collect::<Vec<_>>());
    assert!(
        weights(&run) == never_stopped,
        "the weights differ from those of the run that was never killed"
    );
}

/// Catches: two runs write one directory; a lock stays after its holder was killed; a message does
/// not name the holder.
#[test]
fn locked_by_another_run() {
    let dataset = ingested();
    let run = lam(&dataset);
    let mut training = dataset.start_stage("train", "lam", &LONG);
    training.until(|| !logged(&run).is_empty());
    dataset.stage("train", "lam", &LONG).expect(75).says("locked by another run (genie-train");
    let other = [&LONG[..], &["--set", "lam.train.steps=3"]].concat();
    dataset.stage("train", "lam", &other).expect(0);
    training.stop(Signal::KILL);
    dataset.stage("train", "lam", &LONG).expect(0);
}

/// Catches: a SIGTERM to the pipeline (systemd, a container) leaves its child running or its work
/// unsaved, or is reported as a failure; a pipeline starts the stopped step again.
#[test]
fn the_pipeline_stops_and_resumes() {
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    let run = lam(&dataset);
    let mut pipeline = dataset.start_pipeline(&LONG);
    pipeline.until(|| logged(&run).len() > 10);
    pipeline.stop(Signal::TERM).expect(143).says("run the same command to resume");
    let steps = dataset.status(&LONG);
    assert_eq!((steps.state("tokenize encode"), steps.state("train lam")), ("done", "partial"));
    dataset
        .pipeline(&LONG)
        .expect(0)
        .says("[3/8] tokenize fit: up to date")
        .says("resuming after step");
    assert_eq!(dataset.status(&LONG).all("done").len(), 8);
}

/// Catches: a pipeline is started with SIGINT ignored (`genie run … &` in a script) and does not
/// stop on a signal, because its child ignores SIGINT too; a stop loses the child's work.
#[test]
fn a_pipeline_with_sigint_ignored_at_its_start_stops() {
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    let run = lam(&dataset);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let before = logged(&run).len();
        let mut pipeline = dataset.start_pipeline_ignoring_interrupts(&LONG);
        pipeline.until(|| logged(&run).len() > before + 10);
        pipeline.stop(signal).expect(code).says("run the same command to resume");
        assert_eq!(logged(&run).last(), checkpoints(&run).last());
    }
}

/// Catches: an evaluation starts again after it was stopped or killed, or its report then differs;
/// finished batches stay beside the report.
#[test]
fn an_evaluation_resumes() {
    // Batches of one window, so that the run can be killed between two. All but the first two are
    // kept.
    let words =
        ["evaluate.windows=12", "evaluate.batch=1", "evaluate.samples=4", "evaluate.steps=8"];
    let words = words.map(|word| ["--set", word]).concat();
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&words).expect(0);
    let report = dataset.path(dataset.status(&words).dir("evaluate run"));
    let content = |name: &str| fs::read_to_string(report.join(name)).expect("a file of the report");
    // Only the date and the speed may differ.
    let differs =
        |line: &&str| line.contains("\"created\"") || line.contains("frames_per_second\"");
    let undated =
        |json: String| json.lines().filter(|line| !differs(line)).collect::<Vec<_>>().join("\n");
    let published = || Manifest::load(&report).expect("the manifest of the report");
    let whole = (undated(content("report.json")), published());
    fs::remove_dir_all(&report).expect("the finished report");

    let parts = || Manifest::load(&report.join("parts")).map_or(0, |parts| parts.entries().count());
    let mut killed = dataset.start_stage("evaluate", "run", &words);
    killed.until(|| parts() > 0);
    assert_eq!(killed.stop(Signal::KILL).code, None);
    assert_eq!(dataset.status(&words).state("evaluate run"), "partial");
    let mut stopped = dataset.start_stage("evaluate", "run", &words);
    let before = parts();
    stopped.until(|| parts() > before);
    stopped
        .stop(Signal::TERM)
        .expect(143)
        .says("of 12 windows are measured already")
        .says("run the same command");

    dataset.stage("evaluate", "run", &words).expect(0).says("of 12 windows are measured already");
    assert_eq!((undated(content("report.json")), published()), whole);
    assert!(!report.join("parts").exists());
}
