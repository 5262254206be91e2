//! The configs in `pipelines/`, and what `--dry-run` prints about them.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use genie_tests::Dataset;
use serde_json::Value;

fn pipelines() -> Vec<Utf8PathBuf> {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipelines");
    let files = folder
        .read_dir_utf8()
        .expect("the pipelines")
        .map(|entry| entry.expect("a file").path().to_owned());
    let mut files: Vec<_> = files.filter(|path| path.extension() == Some("toml")).collect();
    files.retain(|path| path.file_name() != Some("Cargo.toml"));
    files.sort();
    files
}

/// Catches: a misspelt key or an impossible value of a preset is found only after a day of ingest;
/// a dry run builds the model (the weights of the largest need 77 GB), or writes files.
#[test]
fn a_dry_run_works_for_every_preset() {
    let files = pipelines();
    assert!(files.len() >= 11, "{files:?}");
    let dataset = Dataset::new();
    for file in files {
        let said = dataset
            .run("genie", &["run", file.as_str(), "--root", "root", "--dry-run"])
            .expect(0)
            .stdout;
        for line in ["parameters", "together", "FLOPs per step", "time on one such device"] {
            assert!(said.contains(line), "{file}:\n{said}");
        }
    }
    assert!(!dataset.path("root").exists(), "a dry run writes nothing");
}

/// Catches: a frame size does not come from `[ingest]`; hardware flags change nothing; sizes are
/// not those of the paper. The parameters without feed-forward layers must be about as many as the
/// name of the preset says.
#[test]
fn costs_follow_config_and_hardware() {
    let dataset = Dataset::new();
    let ask = |size: &str, flags: &[&str]| -> Vec<Value> {
        let file = format!("{}/../pipelines/platformers-{size}.toml", env!("CARGO_MANIFEST_DIR"));
        let words: Vec<&str> = ["dry-run", "--json", "--size=160x90", "--config", &file]
            .into_iter()
            .chain(flags.iter().copied())
            .collect();
        let lines = dataset.run("genie-train", &words).expect(0).stdout;
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    };
    let number = |value: &Value, key: &str| value[key].as_f64().expect("a number");
    let base = ask("41m", &[]);
    assert_eq!(
        base.iter().map(|model| model["model"].as_str()).collect::<Vec<_>>(),
        [Some("tokenizer"), Some("lam"), Some("dynamics")]
    );
    // 256 windows of 16 frames of 40 × 23 tokens: 160 × 90 is padded to 160 × 92.
    assert_eq!(base[2]["rows_per_step"].as_u64(), Some(256 * 16 * 920));
    let half = ask("41m", &["--mfu", "0.2"]);
    assert!((number(&half[2], "days") / number(&base[2], "days") - 2.0).abs() < 1e-9);

    let named = [
        ("41m", 41e6),
        ("96m", 96e6),
        ("192m", 192e6),
        ("404m", 404e6),
        ("811m", 811e6),
        ("1.6b", 1.6e9),
        ("2.7b", 2.7e9),
        ("11b", 10.1e9),
    ];
    for (size, name) in named {
        // The difference between a feed-forward width of 1 and of 2 is the size of one width.
        let with = |mult: &str| {
            number(
                &ask(size, &["--set", &format!("dynamics.stack.ffn_mult={mult}")])[2],
                "parameters",
            )
        };
        let without = 2.0 * with("1") - with("2");
        assert!(
            (0.85..1.1).contains(&(without / name)),
            "{size}: {without} without feed-forward layers"
        );
    }
}

/// Catches: impossible flags get an estimate.
#[test]
fn impossible_flags_are_wrong_usage() {
    let dataset = Dataset::new();
    fs::write(dataset.path("p.toml"), "").expect("a config file");
    dataset.run("genie", &["run", "p.toml", "--mfu", "0.5"]).expect(64).says("--dry-run");
    dataset.run("genie", &["run", "p.toml", "--dry-run", "--mfu", "1.5"]).expect(64).says("--mfu");
    dataset.run("genie", &["run", "p.toml", "--dry-run", "--stage", "train"]).expect(64);
    dataset.run("genie-train", &["dry-run", "--size", "160"]).expect(64).says("160x90");
}
