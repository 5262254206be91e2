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

/// What a dry run of a preset prints as JSON: an object for each model.
fn dry_run(preset: &str, size: &str, flags: &[&str]) -> Vec<Value> {
    let file = format!("{}/../pipelines/{preset}.toml", env!("CARGO_MANIFEST_DIR"));
    let words: Vec<&str> = ["dry-run", "--json", "--size", size, "--config", &file]
        .into_iter()
        .chain(flags.iter().copied())
        .collect();
    let lines = Dataset::new().run("genie-train", &words).expect(0).stdout;
    lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {value}"))
}

/// Catches: a frame size does not come from `[ingest]`; hardware flags change nothing; sizes are
/// not those of the paper. The parameters without feed-forward layers must be about as many as the
/// name of the preset says.
#[test]
fn costs_follow_config_and_hardware() {
    let ask = |size: &str, flags: &[&str]| dry_run(&format!("platformers-{size}"), "160x90", flags);
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

/// A row of the table in docs/gpu.md: a model of a preset on one device and on eight.
fn row(preset: &str, one: &Value, eight: &Value) -> String {
    let name = one["model"].as_str().expect("a name");
    let gigabytes = |value: &Value, key: &str| format!("{:.1} GB", number(value, key) / 1e9);
    let fits =
        |value: &Value, gib: &str| value["fits_gib"][gib].as_str().expect("words").to_owned();
    let days = |value: &Value, key: &str| {
        value[key].as_f64().map_or_else(|| "–".to_owned(), |days| format!("{days:.1}"))
    };
    [
        format!("`{preset}.toml`, {name}"),
        format!("{:.0} M", number(one, "parameters") / 1e6),
        gigabytes(one, "device_bytes"),
        gigabytes(one, "device_bytes_with_recompute"),
        fits(one, "80"),
        fits(one, "139"),
        gigabytes(eight, "device_bytes_with_recompute"),
        gigabytes(eight, "device_bytes_with_shard_weights"),
        fits(eight, "80"),
        fits(eight, "139"),
        days(one, "days"),
        days(one, "days_with_recompute"),
        days(eight, "days_with_recompute"),
    ]
    .iter()
    .fold("|".to_owned(), |row, cell| format!("{row} {cell} |"))
}

/// Catches: the page promises that a model fits into a GPU, or how long it trains, but the program
/// says something else.
#[test]
fn the_page_has_the_sizes_that_the_program_prints() {
    let page = format!("{}/../docs/gpu.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(page).expect("docs/gpu.md");
    let mut rows = Vec::new();
    let sizes = ["41m", "96m", "192m", "404m", "811m", "1.6b", "2.7b", "11b"];
    let platformers = sizes.map(|size| (format!("platformers-{size}"), "160x90"));
    let coinrun = ["coinrun-fast", "coinrun-paper"].map(|name| (name.to_owned(), "64x64"));
    for (preset, size) in coinrun.into_iter().chain(platformers) {
        let (one, eight) = (dry_run(&preset, size, &[]), dry_run(&preset, size, &["--devices=8"]));
        for (one, eight) in one.iter().zip(&eight) {
            // All these presets have the same tokenizer and latent action model.
            let shared = preset.starts_with("platformers-") && preset != "platformers-41m";
            if !shared || one["model"] == "dynamics" {
                rows.push(row(&preset, one, eight));
            }
        }
    }
    assert_eq!(rows.len(), 16);
    let printed = rows.join("\n");
    assert!(page.contains(&printed), "docs/gpu.md lacks this table:\n{printed}");
}

/// Catches: impossible flags get an estimate.
#[test]
fn impossible_flags_are_wrong_usage() {
    let dataset = Dataset::new();
    fs::write(dataset.path("p.toml"), "").expect("a config file");
    dataset.run("genie", &["run", "p.toml", "--mfu", "0.5"]).expect(64).says("--dry-run");
    dataset.run("genie", &["run", "p.toml", "--dry-run", "--mfu", "1.5"]).expect(64).says("--mfu");
    dataset.run("genie", &["run", "p.toml", "--devices", "8"]).expect(64).says("--dry-run");
    dataset.run("genie", &["run", "p.toml", "--dry-run", "--devices", "0"]).expect(64);
    dataset.run("genie", &["run", "p.toml", "--dry-run", "--stage", "train"]).expect(64);
    dataset.run("genie-train", &["dry-run", "--size", "160"]).expect(64).says("160x90");
}
