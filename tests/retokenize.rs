//! Nightly runs: new clips are encoded and labelled with existing models, even after kills.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use genie_shards::{Manifest, tables};
use genie_tests::{Dataset, Signal, Steps};
use serde_json::Value;

const VIDEOS: [&str; 2] = ["--set", "data.videos=[\"videos\"]"];
const PINNED: [&str; 6] = [
    "--set",
    "data.videos=[\"videos\"]",
    "--set",
    "pinned.tokenizer=newest",
    "--set",
    "pinned.lam=newest",
];

/// Adds recordings of the game, made from `seed`, to the videos.
fn record(dataset: &Dataset, seed: &str, episodes: &str) {
    let place = format!("made-{seed}");
    dataset
        .stage("ingest", "sample", &["--out", &place, "--seed", seed, "--episodes", episodes])
        .expect(0);
    fs::create_dir_all(dataset.path("videos")).expect("a directory");
    for entry in dataset.path(&place).read_dir_utf8().expect("recordings") {
        let path = entry.expect("a recording").into_path();
        if matches!(path.extension(), Some("mp4" | "csv")) {
            let name = format!("{seed}-{}", path.file_name().expect("a name"));
            fs::rename(&path, dataset.path("videos").join(name)).expect("moved");
        }
    }
}

/// Makes a dataset with videos, models and a report.
fn trained() -> Dataset {
    let dataset = Dataset::new();
    record(&dataset, "1", "12");
    dataset.pipeline(&VIDEOS).expect(0);
    dataset
}

fn retokenize(dataset: &Dataset) -> genie_tests::Ended {
    dataset.run("genie", &[&["retokenize", "tiny.toml"], &VIDEOS[..]].concat())
}

fn runs(dataset: &Dataset, place: &str) -> Vec<Value> {
    let text = fs::read_to_string(dataset.path("root").join(place).join("runs.jsonl"))
        .expect("a run history");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The published shards of a directory: name and content.
fn shards(dir: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let manifest = Manifest::load(dir).expect("a manifest");
    let read = |file: &String| fs::read(dir.join(file)).expect("a shard");
    manifest.entries().map(|(_, entry)| (entry.file.clone(), read(&entry.file))).collect()
}

fn count(dataset: &Dataset, query: &str) -> u64 {
    let rows = dataset.sql(query);
    rows[0]
        .as_object()
        .and_then(|row| row.values().next())
        .and_then(Value::as_u64)
        .expect("a number")
}

/// Catches: new clips lead to a new tokenizer, so that every clip is re-encoded; clips that have
/// tokens are encoded again; a clip is skipped; a nightly run trains; tokens, labels and dynamics
/// belong to different models; the run history lacks the line or has wrong sums; a run without work
/// writes files.
#[test]
fn a_night_adds_only_what_is_new() {
    let dataset = trained();
    let (before, files) = (dataset.status(&PINNED), dataset.files());
    let idle = retokenize(&dataset).expect(0).says("nothing to do: everything is up to date");
    // Ingest, encode and label; the videos are given, so no game is recorded.
    assert_eq!(idle.stderr.matches(": up to date").count(), 3, "{}", idle.stderr);
    assert!(dataset.files() == files, "a run without work writes files");
    let had = count(&dataset, "select count(*) from clips where kept and frames >= 8");

    record(&dataset, "2", "3");
    assert_eq!(dataset.status(&VIDEOS).state("ingest run"), "partial");
    let key = before.key("tokenize fit").to_owned();
    retokenize(&dataset)
        .expect(0)
        .says(&format!("by tokenizer {key}"))
        .says(&format!("{had} clips had their windows before"));
    let new = count(&dataset, "select count(*) from clips where kept and frames >= 8") - had;
    assert!(new > 0);
    for (place, model, step) in
        [("tokens", "tokenizer", "tokenize fit"), ("actions", "lam", "train lam")]
    {
        let run = &runs(&dataset, place)[1];
        assert_eq!(
            (&run["clips"], &run["skipped"], &run["failed"]),
            (&new.into(), &had.into(), &0.into()),
            "{run}"
        );
        assert_eq!((&run[model], &run["ended"]), (&before.key(step).into(), &"done".into()));
        let windows = count(&dataset, &format!("select count(*) from {place}"));
        assert_eq!(windows, count(&dataset, "select sum(frames / 8) from clips where kept"));
        assert_eq!(
            windows,
            runs(&dataset, place).iter().filter_map(|run| run["windows"].as_u64()).sum::<u64>()
        );
    }

    let after = dataset.status(&PINNED);
    let same = |step| assert_eq!((after.key(step), after.state(step)), (before.key(step), "done"));
    same("tokenize fit");
    same("train lam");
    assert_eq!((after.state("tokenize encode"), after.state("train label")), ("done", "done"));
    assert_ne!(
        after.key("train dynamics"),
        before.key("train dynamics"),
        "it is trained on other clips"
    );
    dataset.pipeline(&PINNED).expect(0).says("[2/7] tokenize fit: up to date");
    let report = dataset.report(&PINNED);
    for (model, step) in [("tokenizer", "tokenize fit"), ("lam", "train lam")] {
        assert_eq!(report["lineage"][model], before.key(step));
    }
    // Without a pinned model, the models are those of the current clips.
    let fresh = dataset.status(&VIDEOS);
    assert_ne!(fresh.key("tokenize fit"), before.key("tokenize fit"));
    let shown =
        dataset.run("genie", &[&["status", "tiny.toml"], &VIDEOS[..]].concat()).expect(0).stdout;
    assert!(
        shown.contains(&format!("which uses {key}")),
        "the status does not mention [pinned]: {shown}"
    );
    let shown =
        dataset.run("genie", &[&["status", "tiny.toml"], &PINNED[..]].concat()).expect(0).stdout;
    assert!(shown.contains("last runs"), "{shown}");
}

/// Catches: a sidecar that comes after its recording was labelled stops training with true actions,
/// or has no effect; clips are labelled again although their frames are the same.
#[test]
fn a_sidecar_may_come_after_the_labels() {
    let dataset = Dataset::new();
    record(&dataset, "1", "12");
    let (videos, away) = (dataset.path("videos"), dataset.path("sidecars"));
    fs::create_dir(&away).expect("a directory");
    let move_sidecars = |from: &Utf8Path, to: &Utf8Path| {
        for entry in from.read_dir_utf8().expect("files") {
            let name = entry.expect("a file").file_name().to_owned();
            if Utf8Path::new(&name).extension() == Some("csv") {
                fs::rename(from.join(&name), to.join(name)).expect("moved");
            }
        }
    };
    move_sidecars(&videos, &away);
    let stages = |words: &[&str]| {
        for stage in ["ingest", "tokenize", "train"] {
            dataset.pipeline(&[words, &["--stage", stage]].concat()).expect(0);
        }
    };
    stages(&VIDEOS);
    let before = dataset.status(&PINNED);
    let labels = shards(&dataset.path(before.dir("train label")));
    let by_truth = [&PINNED[..], &["--set", "dynamics.actions=true"]].concat();
    dataset.stage("train", "dynamics", &by_truth).expect(1).says("no recording");

    move_sidecars(&away, &videos);
    stages(&by_truth);
    let after = dataset.status(&by_truth);
    assert_eq!(after.state("train dynamics"), "done");
    assert_eq!(after.dir("train label"), before.dir("train label"));
    assert!(shards(&dataset.path(after.dir("train label"))) == labels);
}

/// Catches: a missing pinned model, or one of another config, is found only after an hour; a
/// message does not say what is wrong.
#[test]
fn a_pin_that_does_not_fit_is_refused() {
    let dataset = trained();
    let key = dataset.status(&VIDEOS).key("tokenize fit").to_owned();
    let encode = |sets: &[&str]| {
        let words = sets.iter().flat_map(|set| ["--set", set]).collect::<Vec<_>>();
        dataset.stage("tokenize", "encode", &words)
    };
    let pin = format!("pinned.tokenizer={key}");
    encode(&[&pin]).expect(0).says("up to date");
    encode(&["pinned.tokenizer=\"0123456789abcdef\""]).expect(64).says("no finished model");
    encode(&["pinned.tokenizer=latest"]).expect(64).says("newest");
    encode(&[&pin, "tokenizer.patch=8"]).expect(64).says("another config").says("config.toml");
}

/// Catches: clips of another size are encoded, or fail without naming the model.
#[test]
fn a_tokenizer_that_does_not_fit_the_clips_is_refused() {
    let dataset = trained();
    record(&dataset, "2", "1");
    dataset
        .stage("ingest", "run", &[&VIDEOS[..], &["--replace", "--set", "ingest.width=48"]].concat())
        .expect(0);
    let files = |steps: &Steps| shards(&dataset.path(steps.dir("tokenize encode")));
    let steps = dataset.status(&PINNED);
    let before = files(&steps);
    dataset
        .stage("tokenize", "encode", &PINNED)
        .expect(1)
        .says("takes 32×32 pixels")
        .says(steps.key("tokenize fit"));
    assert!(files(&steps) == before);
    assert_eq!(runs(&dataset, "tokens")[1]["ended"], "failed");
}

/// Arguments for windows of two frames, so that a few hundred clips fill a shard.
const MANY: [&str; 4] = ["--set", "tokenizer.frames=2", "--set", "data.videos=[\"videos\"]"];

/// Starts `encode`, sends a signal `delay` after it takes the lock, and waits for its end.
fn interrupt(dataset: &Dataset, dir: &Utf8Path, delay: Duration, signal: Signal) {
    let mut encoding = dataset.start_stage("tokenize", "encode", &MANY);
    encoding.until(|| dir.join(".lock").exists());
    std::thread::sleep(delay);
    encoding.signal(signal);
    encoding.wait();
}

/// Catches: shards depend on where a run was killed or stopped; windows are lost or computed twice;
/// a shard is incomplete; a lock stays after its holder was killed; temporary files of killed runs
/// are not removed.
#[test]
fn killed_and_stopped_is_as_never_stopped() {
    let dataset = Dataset::new();
    record(&dataset, "1", "240");
    for (stage, step) in [("ingest", "run"), ("tokenize", "fit")] {
        dataset.stage(stage, step, &MANY).expect(0);
    }
    let dir = dataset.path(dataset.status(&MANY).dir("tokenize encode"));
    let started = Instant::now();
    dataset.stage("tokenize", "encode", &MANY).expect(0);
    let took = started.elapsed();
    let never_stopped = shards(&dir);
    assert_eq!(never_stopped.len(), 2, "a full shard, and the rest");

    let (kill, term) = (Signal::KILL, Signal::TERM);
    for (round, [first, second]) in [(1, [kill, kill]), (2, [term, kill]), (3, [term, term])] {
        // The machine may be faster now than before. If the run ends before the signal, the run is
        // repeated with an earlier signal.
        let mut delay = took * round / 3;
        loop {
            fs::remove_dir_all(&dir).expect("the tokens");
            interrupt(&dataset, &dir, delay, first);
            if !dir.join("step.json").exists() {
                break;
            }
            assert!(!delay.is_zero(), "the run ends before any signal");
            delay /= 2;
        }
        interrupt(&dataset, &dir, took * round / 4, second);
        // Published shards are complete, wherever the run ended.
        dataset.stage("tokenize", "verify", &MANY).expect(0);
        dataset.stage("tokenize", "encode", &MANY).expect(0);
        assert!(
            shards(&dir) == never_stopped,
            "round {round}: the shards differ from those of the run that was never stopped"
        );
        dataset
            .stage("tokenize", "gc", &[&["--keep", "1", "--older-than", "0"], &MANY[..]].concat())
            .expect(0);
        let left = dir
            .read_dir_utf8()
            .expect("tokens")
            .filter_map(|entry| Some(entry.ok()?.file_name().to_owned()));
        let strays: Vec<_> = left
            .filter(|name| {
                name.contains("tmp") || Utf8Path::new(name).extension() == Some("parquet")
            })
            .collect();
        assert_eq!(strays.len(), never_stopped.len(), "{strays:?}");
    }
}

/// Catches: an unreadable clip stops the encoding of the others, or is not reported.
#[test]
fn a_damaged_clip_does_not_stop_the_others() {
    let dataset = Dataset::new();
    record(&dataset, "1", "12");
    for (stage, step) in [("ingest", "run"), ("tokenize", "fit")] {
        dataset.stage(stage, step, &VIDEOS).expect(0);
    }
    let root = dataset.path("root");
    let file = root.join(&Manifest::load(&root).expect("a manifest").table(tables::CLIPS)[0].file);
    let mut bytes = fs::read(&file).expect("a shard");
    let whole = bytes.clone();
    let place = bytes.len() / 3;
    bytes[place] ^= 1;
    fs::write(&file, bytes).expect("a damaged shard");
    dataset
        .stage("tokenize", "encode", &VIDEOS)
        .expect(1)
        .says("clip ")
        .says("genie-ingest verify");
    let run = &runs(&dataset, "tokens")[0];
    assert_eq!((&run["failed"], &run["ended"]), (&1.into(), &"failed".into()));
    assert!(run["clips"].as_u64() > Some(5), "{run}");
    assert_eq!(dataset.status(&VIDEOS).state("tokenize encode"), "partial");

    fs::write(&file, whole).expect("the shard");
    dataset.stage("tokenize", "encode", &VIDEOS).expect(0);
    let run = &runs(&dataset, "tokens")[1];
    assert_eq!((&run["clips"], &run["failed"]), (&1.into(), &0.into()), "{run}");
}

/// Catches: two runs write one directory; a held lock is reported with the exit code of a failure;
/// a lock of a dead process blocks later runs.
#[test]
fn another_run_holds_the_lock_is_75() {
    let dataset = Dataset::new();
    record(&dataset, "1", "100");
    for (stage, step) in [("ingest", "run"), ("tokenize", "fit"), ("train", "lam")] {
        dataset.stage(stage, step, &MANY).expect(0);
    }
    let lock = dataset.path(dataset.status(&MANY).dir("tokenize encode")).join(".lock");
    let mut encoding = dataset.start_stage("tokenize", "encode", &MANY);
    encoding.until(|| fs::read_to_string(&lock).is_ok_and(|holder| !holder.is_empty()));
    assert!(encoding.signal(Signal::STOP), "the run ended too early");
    dataset
        .run("genie", &[&["retokenize", "tiny.toml"], &MANY[..]].concat())
        .expect(75)
        .says("locked by another run");
    dataset
        .stage("tokenize", "gc", &[&["--keep", "0"], &MANY[..]].concat())
        .expect(0)
        .says("gc: skipped");
    encoding.stop(Signal::KILL);
    assert!(
        fs::read_to_string(&lock).is_ok_and(|holder| !holder.is_empty()),
        "a killed run leaves its name in the lock file"
    );
    dataset.run("genie", &[&["retokenize", "tiny.toml"], &MANY[..]].concat()).expect(0);
}

/// Catches: current tokens are deleted; old tokens are never deleted; a dry run deletes; a model is
/// deleted with its tokens.
#[test]
fn old_tokens_can_be_deleted() {
    let dataset = trained();
    let other = [&VIDEOS[..], &["--set", "tokenizer.patch=8"]].concat();
    dataset.pipeline(&[&other[..], &["--stage", "tokenize"]].concat()).expect(0);
    let [old, new] = [&VIDEOS[..], &other]
        .map(|words| dataset.path(dataset.status(words).dir("tokenize encode")));
    let gc = |words: &[&str], more: &[&str]| {
        dataset.stage("tokenize", "gc", &[more, words].concat()).expect(0).stdout
    };
    assert_eq!(gc(&VIDEOS, &["--keep", "2"]), "");
    // Under this config, the current tokens are the older ones.
    let listed = gc(&VIDEOS, &["--keep", "1", "--dry-run"]);
    assert!(listed.trim().ends_with(new.file_name().expect("a key")) && new.exists(), "{listed}");
    gc(&VIDEOS, &["--keep", "0"]);
    assert!(old.join("manifest.json").exists() && !new.exists());
    assert_eq!(dataset.status(&other).state("tokenize fit"), "done");
    dataset.stage("tokenize", "encode", &other).expect(0);
    assert!(new.exists());
}

/// Catches: a flipped bit in tokens or labels is not found, or cannot be repaired.
#[test]
fn damage_is_found_and_repaired() {
    let dataset = trained();
    let steps = dataset.status(&VIDEOS);
    for (stage, step, table) in
        [("tokenize", "tokenize encode", tables::TOKENS), ("train", "train label", tables::ACTIONS)]
    {
        dataset.stage(stage, "verify", &VIDEOS).expect(0);
        let dir = dataset.path(steps.dir(step));
        let before = shards(&dir);
        let file = dir.join(&Manifest::load(&dir).expect("a manifest").table(table)[0].file);
        let mut bytes = fs::read(&file).expect("a shard");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).expect("a damaged shard");
        let found = dataset.stage(stage, "verify", &VIDEOS).expect(1);
        assert!(found.stdout.contains(file.file_name().expect("a name")), "{}", found.stdout);
        dataset.stage(stage, "verify", &[&["--forget"], &VIDEOS[..]].concat()).expect(1);
        assert_eq!(dataset.status(&VIDEOS).state(step), "partial");
        retokenize(&dataset).expect(0);
        dataset.stage(stage, "verify", &VIDEOS).expect(0);
        assert!(shards(&dir) == before);
    }
}
