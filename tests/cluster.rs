//! The jobs in `pipelines/cluster`: their commands do the work of the whole pipeline.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::{Dataset, binary, python};
use serde_json::Value;

/// The steps that the jobs do.
const STEPS: [&str; 7] = [
    "ingest run",
    "ingest sample",
    "tokenize encode",
    "tokenize fit",
    "train dynamics",
    "train label",
    "train lam",
];

fn cluster(name: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/cluster").join(name)
}

/// The jobs of a file of Kubernetes, as JSON; `None` without a Python that can read YAML.
fn jobs(file: &str) -> Option<Vec<Value>> {
    let script = "import json, sys, yaml; \
                  print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let read = Command::new(python("yaml")?).args(["-c", script, cluster(file).as_str()]).output();
    let read = read.expect("Python starts");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    Some(serde_json::from_slice(&read.stdout).expect("JSON"))
}

/// A command in the directory of a dataset, with the binaries in its `PATH`.
fn command(dataset: &Dataset, program: &str) -> Command {
    let binaries = binary("genie").parent().expect("a directory").display().to_string();
    let path = std::env::var("PATH").expect("a path");
    let mut command = Command::new(program);
    command.current_dir(dataset.path("")).env("PATH", format!("{binaries}:{path}"));
    command
}

/// Runs the command of a job, as a container does.
#[track_caller]
fn run(dataset: &Dataset, job: &Value, index: u64) {
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let words = container["command"].as_array().expect("a command").iter();
    let words: Vec<String> = words
        .map(|word| {
            let word = word.as_str().expect("a word");
            let word = word.replace("$(JOB_COMPLETION_INDEX)", &index.to_string());
            word.replace("/etc/genie/genie.toml", "tiny.toml")
        })
        .collect();
    let script = r#"exec "$@""#;
    let mut shell = command(dataset, "sh");
    let ended = shell.args(["-c", script, "sh"]).args(&words).output().expect("a shell");
    let (name, stderr) = (&job["metadata"]["name"], String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{name} {index}: {words:?}\n{stderr}");
}

fn dataset() -> Dataset {
    let dataset = Dataset::new();
    dataset.stage("ingest", "sample", &[]).expect(0);
    dataset
}

/// Catches: a job has a misspelt flag; the number of shares is not the number of pods; the script
/// starts a job before the ones that it needs, or one that no file has.
#[test]
fn the_jobs_of_kubernetes_do_the_work() {
    let files = ["ingest.yaml", "models.yaml", "encode.yaml", "label.yaml"];
    let Some(jobs) = files.into_iter().map(jobs).collect::<Option<Vec<_>>>() else { return };
    let jobs = jobs.concat();
    let script = fs::read_to_string(cluster("kubernetes.sh")).expect("a script");
    let order = script.split_once("jobs=(").and_then(|(_, rest)| rest.split_once(')'));
    let order: Vec<String> = order
        .map(|(names, _)| names.split_whitespace().map(|name| format!("genie-{name}")).collect())
        .expect("a list of jobs");
    assert_eq!(order.len(), jobs.len(), "{order:?}");
    let dataset = dataset();
    for name in order {
        let job = jobs.iter().find(|job| job["metadata"]["name"] == *name);
        let job = job.unwrap_or_else(|| panic!("no file has the job {name}"));
        let spec = &job["spec"];
        assert_eq!(spec["suspend"], true, "{name} must wait for the script");
        let shares = spec["completions"].as_u64();
        if let Some(shares) = shares {
            assert_eq!(
                (&spec["completionMode"], &spec["parallelism"]),
                (&"Indexed".into(), &shares.into())
            );
            let text = spec.to_string();
            assert!(text.contains(&format!("--of={shares}")), "{name}: {text}");
        }
        for index in 0..shares.unwrap_or(1) {
            run(&dataset, job, index);
        }
    }
    assert_eq!(dataset.status(&[]).all("done"), STEPS);
}

/// Starts each job at once, and prints its number. Writes its flags to a file.
const SBATCH: &str = r#"#!/bin/sh
echo "$@" >> sbatch.log
for word in "$@"; do
    case $word in
        --wrap=*) command=${word#--wrap=} ;;
        --array=*) array=${word#--array=} ;;
    esac
done
for index in $(seq "${array%-*}" "${array#*-}" 2>/dev/null || echo alone); do
    SLURM_ARRAY_TASK_ID=$index sh -c "$command" >&2 || exit 1
done
wc -l < sbatch.log
"#;

/// Catches: a job of the script for Slurm has a misspelt flag, or does not wait for the job before.
#[test]
fn the_jobs_of_slurm_do_the_work() {
    let dataset = dataset();
    let sbatch = dataset.path("bin/sbatch");
    fs::create_dir(dataset.path("bin")).expect("a folder");
    fs::write(&sbatch, SBATCH).expect("a script");
    let made = Command::new("chmod").args(["+x", sbatch.as_str()]).status();
    assert!(made.expect("chmod").success());
    let mut script = command(&dataset, cluster("slurm.sh").as_str());
    let path = script.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path);
    let path = format!("{}:{}", dataset.path("bin"), path.expect("a path").display());
    let ended = script.env("PATH", path).args(["tiny.toml", "3"]).output().expect("a shell");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(dataset.status(&[]).all("done"), STEPS);

    let log = fs::read_to_string(dataset.path("sbatch.log")).expect("a log");
    for (number, line) in log.lines().enumerate() {
        let waits = line.contains(&format!("--dependency=afterok:{number} "));
        assert_eq!(waits, number > 0, "{line}");
    }
    assert_eq!(log.matches("--array=0-2 ").count(), 3, "{log}");
}

/// Catches: the config of the jobs has a key that no longer exists.
#[test]
fn the_config_of_the_jobs_is_valid() {
    let config = cluster("genie.toml");
    Dataset::new().run("genie", &["config", config.as_str(), "--set", "data.root=x"]).expect(0);
}
