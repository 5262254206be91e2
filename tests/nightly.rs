//! The nightly jobs in `pipelines/nightly`: systemd accepts the units, and their commands work.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::{Dataset, binary};

fn nightly(name: &str) -> String {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines/nightly").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Makes a dataset with videos, and a copy of the nightly config with its paths.
fn installed() -> (Dataset, Utf8PathBuf) {
    let dataset = Dataset::new();
    dataset.stage("ingest", "sample", &["--out", "videos", "--episodes", "3"]).expect(0);
    let config = nightly("ingest.toml")
        .replace("/var/lib/genie/dataset", dataset.path("nightly").as_str())
        .replace("/srv/videos", dataset.path("videos").as_str());
    let path = dataset.path("ingest.toml");
    fs::write(&path, config).expect("a config");
    (dataset, path)
}

/// A command with the paths of this test.
fn local(command: &str, dataset: &Dataset, config: &Utf8Path) -> String {
    command
        .replace(
            "/usr/local/bin/genie-ingest",
            binary("genie-ingest").to_str().expect("a UTF-8 name"),
        )
        .replace(
            "/usr/local/bin/genie ",
            &format!("{} ", binary("genie").to_str().expect("a UTF-8 name")),
        )
        .replace("/etc/genie/ingest.toml", config.as_str())
        .replace("/var/lib/genie", dataset.path("").as_str())
}

fn shell(command: &str) -> std::process::Output {
    Command::new("sh").args(["-c", command]).output().expect("a shell")
}

/// Catches: a unit or a crontab line has a misspelt flag or a config key that no longer exists.
#[test]
fn the_commands_do_the_work() {
    let (dataset, config) = installed();
    let service = nightly("genie-ingest.service");
    let start =
        service.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let first = shell(&local(start, &dataset, &config));
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));

    let crontab = nightly("crontab");
    let line =
        crontab.lines().find(|line| !line.is_empty() && !line.starts_with('#')).expect("a line");
    let fields: Vec<&str> = line.splitn(6, ' ').collect();
    assert!(!line.contains('%'), "cron ends the command at a percent sign");
    let again = shell(&local(fields[5], &dataset, &config));
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(
        again.stdout.is_empty(),
        "cron sends this by mail: {}",
        String::from_utf8_lossy(&again.stdout)
    );
    assert!(
        again.stderr.is_empty(),
        "cron sends this by mail: {}",
        String::from_utf8_lossy(&again.stderr)
    );

    fs::write(dataset.path("videos/bad.mp4"), "no video").expect("a file");
    let told = shell(&local(fields[5], &dataset, &config));
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("bad.mp4"));
    let silent = shell(&local(fields[5], &dataset, &config));
    assert_eq!(
        (silent.status.code(), silent.stderr.len()),
        (Some(2), 0),
        "a rejected video is reported once"
    );
}

/// Catches: the same bugs in the jobs that need models; a config does not find the models; a night
/// without new videos sends mail.
#[test]
fn the_commands_encode_and_label() {
    let (dataset, _) = installed();
    let models = include_str!("tiny.toml");
    let models = &models[models.find("[tokenizer]").expect("sections")
        ..models.find("[dynamics").expect("sections")];
    let config = dataset.path("retokenize.toml");
    fs::write(&config, nightly("retokenize.toml") + models).expect("a config");
    for (stage, step) in [("ingest", "run"), ("tokenize", "fit"), ("train", "lam")] {
        dataset.run(&format!("genie-{stage}"), &[step, "--config", config.as_str()]).expect(0);
    }
    dataset.stage("ingest", "sample", &["--out", "videos", "--episodes", "4"]).expect(0);
    let local = |command: &str| {
        let here = command.replace("/etc/genie/retokenize.toml", config.as_str());
        let here = here.replace(
            "/usr/local/bin",
            binary("genie").parent().and_then(|dir| dir.to_str()).expect("a place"),
        );
        shell(&here.replace("/var/lib/genie", dataset.path("").as_str()))
    };
    let service = nightly("genie-retokenize.service");
    let first =
        local(service.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command"));
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(0), "{said}");
    assert!(said.contains("tokens: ") && said.contains("labels: "), "{said}");

    let crontab = nightly("crontab");
    let lines: Vec<&str> =
        crontab.lines().filter(|line| line.contains("retokenize.toml")).collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        let again = local(line.splitn(6, ' ').nth(5).expect("a command"));
        let said = [&again.stdout[..], &again.stderr].concat();
        assert_eq!(
            (again.status.code(), String::from_utf8_lossy(&said)),
            (Some(0), "".into()),
            "{line}"
        );
    }
}

/// Catches: a unit has a setting that systemd does not know and ignores, such as a misspelt sandbox
/// option.
#[test]
fn systemd_knows_every_setting() {
    let (dataset, config) = installed();
    let mut units = Vec::new();
    for name in [
        "genie-ingest.service",
        "genie-ingest.timer",
        "genie-retokenize.service",
        "genie-retokenize.timer",
    ] {
        let path = dataset.path(name);
        // The user of the unit need not exist on this machine.
        let unit = local(&nightly(name), &dataset, &config).replace("User=genie", "User=root");
        fs::write(&path, unit).expect("a unit");
        units.push(path);
    }
    let Ok(output) = Command::new("systemd-analyze").arg("verify").args(&units).output() else {
        eprintln!("systemd-analyze is not installed: the units are not verified");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("genie-") && !line.contains("Failed to load"))
        .collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

/// Catches: the filter of a unit ends every decoder when it confines itself.
#[test]
fn the_units_let_decoders_confine_themselves() {
    for name in ["genie-ingest.service", "genie-retokenize.service"] {
        let unit = nightly(name);
        let allowed: Vec<&str> = unit
            .lines()
            .filter_map(|line| line.strip_prefix("SystemCallFilter="))
            .flat_map(str::split_whitespace)
            .collect();
        for call in ["seccomp", "landlock_create_ruleset", "landlock_restrict_self"] {
            assert!(allowed.contains(&call), "{name} does not allow {call}: {allowed:?}");
        }
    }
}
