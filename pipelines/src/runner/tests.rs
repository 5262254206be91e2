//! Tests of the runner with small shell scripts as the stages' binaries.
//!
//! They check which steps run, in which order, and how the run ends. The real pipeline is tested in
//! the crate `tests`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8PathBuf;
use serde_json::json;

use super::*;
use crate::steps;

/// A directory with four fake binaries that record how they are called.
struct Fake {
    _dir: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Fake {
    /// `behaviour` is a shell `case` body on "$step", such as `"ingest run") exit 2;;`.
    fn new(behaviour: &str) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let report = json!({"lam": {"codes_used": 5}}).to_string();
        fs::write(dir.join("report.json"), report).unwrap();
        for stage in Stage::ALL {
            let name = stage.name();
            let script = format!(
                "#!/bin/sh\n\
                 cd {dir}\n\
                 step=\"{name} $1\"\n\
                 case \"$step\" in\n\
                 {behaviour}\n\
                 esac\n\
                 case $1 in\n\
                 config)\n\
                 printf '[data]\\nroot = \"x\"\\nvideos = []\\nheld_out = 0.1\\n'\n\
                 printf '[{section}]\\nsteps = 1\\n'; exit;;\n\
                 status) cat {name}.status 2>/dev/null || echo '[]'; exit;;\n\
                 esac\n\
                 echo \"$step\" >> calls\n\
                 shift; echo \"$@\" > arguments\n\
                 case \"$step\" in 'evaluate run') echo {dir};; esac\n",
                section = section(stage),
            );
            let path = dir.join(stage.binary());
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { _dir: temporary, dir }
    }

    fn run(&self, sets: &[&str]) -> anyhow::Result<Exit> {
        self.run_stages(sets, &[])
    }

    fn run_stages(&self, sets: &[&str], only: &[Stage]) -> anyhow::Result<Exit> {
        let args = ConfigArgs { config: None, set: sets.iter().map(ToString::to_string).collect() };
        run(&Tools::in_dir(&self.dir), &args, |data| steps::of_stages(data, only))
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.dir.join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

fn section(stage: Stage) -> &'static str {
    match stage {
        Stage::Ingest => "ingest",
        Stage::Tokenize => "tokenizer",
        Stage::Train => "lam",
        Stage::Evaluate => "evaluate",
    }
}

/// Catches: a step is missing or in the wrong place; flags do not reach the stages.
#[test]
fn runs_all_steps_in_order_with_the_same_flags() {
    let fake = Fake::new("");
    assert_eq!(fake.run(&["lam.steps=3"]).unwrap(), Exit::Done);
    assert_eq!(
        fake.calls(),
        [
            "ingest sample",
            "ingest run",
            "tokenize fit",
            "tokenize encode",
            "train lam",
            "train label",
            "train dynamics",
            "evaluate run"
        ]
    );
    let arguments = fs::read_to_string(fake.dir.join("arguments")).unwrap();
    assert_eq!(arguments.trim(), "--set=lam.steps=3");
}

/// Catches: `--stage` runs the steps of other stages.
#[test]
fn a_stage_alone() {
    let fake = Fake::new("");
    fake.run_stages(&[], &[Stage::Tokenize]).unwrap();
    assert_eq!(fake.calls(), ["tokenize fit", "tokenize encode"]);
}

/// Catches: a run ends at one rejected video, or ends with 0 after one.
#[test]
fn rejects_are_remembered_to_the_end() {
    let fake = Fake::new("'ingest run') echo \"$step\" >> calls; exit 2;;");
    assert_eq!(fake.run(&[]).unwrap(), Exit::Rejects);
    assert_eq!(fake.calls().len(), 8);
}

/// Catches: a run goes on to tokenize although ingest could not use any video, or ends with a code
/// that make takes for success.
#[test]
fn without_clips_the_run_ends_after_ingest() {
    let fake = Fake::new("'ingest run') echo \"$step\" >> calls; exit 2;;");
    let waiting = json!([{"step": "run", "state": "waiting", "needs": "usable videos"}]);
    fs::write(fake.dir.join("ingest.status"), waiting.to_string()).unwrap();
    assert_eq!(fake.run(&[]).unwrap(), Exit::Failed(1));
    assert_eq!(fake.calls(), ["ingest sample", "ingest run"]);
}

/// Catches: a run continues without the output of a failed step, or ends with another code.
#[test]
fn any_other_failure_ends_the_run_with_its_code() {
    for code in [1, 64, 75, 130, 143] {
        let fake = Fake::new(&format!("'tokenize fit') exit {code};;"));
        assert_eq!(fake.run(&[]).unwrap(), Exit::Failed(code));
        assert_eq!(fake.calls(), ["ingest sample", "ingest run"]);
    }
}

/// Catches: a missing binary is found only after an hour of training.
#[test]
fn a_missing_binary_is_reported_before_anything_starts() {
    let fake = Fake::new("");
    fs::remove_file(fake.dir.join("genie-evaluate")).unwrap();
    let error = fake.run(&[]).unwrap_err().to_string();
    assert!(error.contains("genie-evaluate not found"), "{error}");
    assert!(error.contains("make build"), "{error}");
    assert!(fake.calls().is_empty());
}

/// Catches: a misspelt key is found only when its stage starts; a message does not name the right
/// section.
#[test]
fn a_wrong_config_is_reported_before_anything_starts() {
    let fake = Fake::new("");
    let error = fake.run(&["tokenizer.held_out=3"]).unwrap_err();
    assert!(error.to_string().contains("is a key of [data]"), "{error}");
    assert_eq!(exit::code_of(&error), exit::USAGE);
    let refusing = Fake::new("'train config') echo 'error: lam.steps' >&2; exit 64;;");
    assert_eq!(refusing.run(&[]).unwrap(), Exit::Failed(64));
    assert!(fake.calls().is_empty() && refusing.calls().is_empty());
}

/// Catches: the summary says "nothing to do" after work was done, or the reverse.
#[test]
fn says_whether_there_was_anything_to_do() {
    let fake = Fake::new("");
    let done = |steps: &[&str]| {
        let rows: Vec<_> =
            steps.iter().map(|step| json!({"step": step, "state": "done"})).collect();
        serde_json::to_string(&rows).unwrap()
    };
    fs::write(fake.dir.join("ingest.status"), done(&["sample", "run"])).unwrap();
    let args = ConfigArgs::default();
    let tools = Tools::in_dir(&fake.dir);
    let mut run = PipelineRun {
        tools: &tools,
        args: &args,
        stop: Stop::manual(),
        started: Instant::now(),
        rejects: false,
        worked: false,
    };
    let steps = steps::for_data(&DataConfig::default());
    run.step(&steps[0], "").unwrap();
    run.step(&steps[1], "").unwrap();
    assert!(!run.worked);
    run.step(&steps[2], "").unwrap();
    assert!(run.worked);
}

/// Catches: a step starts after a Ctrl-C between two steps.
#[test]
fn a_stop_between_steps_ends_the_run() {
    let fake = Fake::new("");
    let stop = Stop::manual();
    stop.request();
    let args = ConfigArgs::default();
    let run = PipelineRun {
        tools: &Tools::in_dir(&fake.dir),
        args: &args,
        stop,
        started: Instant::now(),
        rejects: false,
        worked: false,
    };
    let steps = steps::for_data(&DataConfig::default());
    assert_eq!(run.all(&steps).unwrap(), Exit::Stopped(130));
    assert!(fake.calls().is_empty());
}

/// Catches: a shell splits a printed command at the wrong places.
#[test]
fn quotes_what_a_shell_would_split() {
    let odd = r#"--set=data.videos=["it's here"]"#;
    let echoed = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("printf %s {}", quoted(odd)))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(echoed.stdout).unwrap(), odd);
    assert_eq!(quoted("--config=pipelines/demo.toml"), "--config=pipelines/demo.toml");
}
