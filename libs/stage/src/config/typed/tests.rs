//! Tests of the precedence of config layers, and of the error messages.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::config::{ConfigArgs, load};
use crate::exit;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Lam {
    steps: u32,
    learning_rate: f32,
    decoder: String,
    layers: Vec<u32>,
    deep: Deep,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deep {
    width: u32,
}

impl Default for Lam {
    fn default() -> Self {
        Self {
            steps: 100,
            learning_rate: 0.1,
            decoder: "history".into(),
            layers: vec![1, 2],
            deep: Deep::default(),
            labels: BTreeMap::new(),
        }
    }
}

impl Section for Lam {
    const NAME: &'static str = "lam";

    fn check(&self) -> Result<(), String> {
        if self.steps == 0 {
            return Err("steps is 0: at least 1".into());
        }
        Ok(())
    }
}

fn config(file: &str, sets: &[&str]) -> Result<Config, ConfigError> {
    let file = ConfigFile::parse("p.toml".into(), file.into())?;
    let sets = sets.iter().map(|text| Override::parse(text));
    Config::new(vec![file], sets.collect::<Result<_, _>>()?)
}

fn lam(file: &str, sets: &[&str]) -> Result<Lam, ConfigError> {
    config(file, sets)?.section()
}

fn complaint(file: &str, sets: &[&str]) -> String {
    let error = lam(file, sets).unwrap_err();
    let words = error.to_string();
    assert_eq!(exit::code_of(&error.into()), exit::USAGE);
    words
}

/// Catches: a layer does not override the lower one, or removes other keys.
#[test]
fn flags_over_file_over_defaults() {
    let file = "[lam]\nsteps = 7\ndecoder = 'x'\n[lam.deep]\nwidth = 3\n";
    let got = lam(file, &["lam.steps=8", "lam.steps=9", "lam.labels.a=b"]).unwrap();
    let expected = Lam {
        steps: 9,
        decoder: "x".into(),
        deep: Deep { width: 3 },
        labels: BTreeMap::from([("a".into(), "b".into())]),
        ..Lam::default()
    };
    assert_eq!(got, expected);
    assert_eq!(lam("", &[]).unwrap(), Lam::default());
}

/// Catches: an integer is an error where a float is expected.
#[test]
fn integers_are_numbers_too() {
    assert!((lam("[lam]\nlearning_rate = 1", &[]).unwrap().learning_rate - 1.0).abs() < 1e-9);
}

/// Catches: -0.0 passes the checks as 0 and gives another work key, so that all videos are decoded
/// again.
#[test]
fn there_is_one_zero() {
    assert_eq!(
        complaint("[lam]\nlearning_rate = -0.0\n", &[]),
        "p.toml:2: lam.learning_rate: it is -0.0; write 0"
    );
    assert_eq!(
        complaint("", &["lam.labels.a=-0.0"]),
        "--set lam.labels.a=-0.0: lam.labels.a: it is -0.0; write 0"
    );
    assert!(lam("[lam]\nlearning_rate = 0.0\n", &[]).is_ok());
}

/// Catches: a misspelt key is silently ignored; a message has no place or no suggestion.
#[test]
fn unknown_keys_name_place_and_nearest() {
    assert_eq!(
        complaint("[lam]\nsteps = 1\nlearning_rte = 3\n", &[]),
        "p.toml:3: [lam] has no key `learning_rte`; did you mean `learning_rate`?"
    );
    assert_eq!(
        complaint("", &["lam.deep.widht=3"]),
        "--set lam.deep.widht=3: [lam] has no key `deep.widht`; did you mean `deep.width`?"
    );
    assert_eq!(
        complaint("[lam]\nheld_out = 1\n", &[]),
        "p.toml:2: [lam] has no key `held_out`; `held_out` is a key of [data]"
    );
    assert_eq!(
        complaint("[lam]\nqqq = 1\n", &[]),
        "p.toml:2: [lam] has no key `qqq`; its keys are: steps, learning_rate, decoder, layers, \
         deep.width, labels"
    );
}

/// Catches: a misspelt table, or a misspelt key of a type that denies unknown fields, gives serde's
/// message without a place or a suggestion.
#[test]
fn a_misspelt_table_is_a_misspelt_key() {
    assert_eq!(
        complaint("[lam.deap]\nwidth = 3\n", &[]),
        "p.toml:2: [lam] has no key `deap.width`; did you mean `deep.width`?"
    );
}

/// Catches: a run reports only the first of five typing errors.
#[test]
fn all_unknown_keys_are_reported_at_once() {
    let words = complaint("[lam]\nstep = 1\nlayer = 2\n", &[]);
    assert!(words.contains("`step`") && words.contains("`layer`"), "{words}");
}

/// Catches: a misspelt section header disables all keys below it.
#[test]
fn unknown_sections_are_refused() {
    assert_eq!(
        complaint("[tokeniser]\nx = 1\n", &[]),
        "p.toml:1: there is no section [tokeniser]; did you mean [tokenizer]?"
    );
    assert!(complaint("", &["lma.steps=3"]).contains("did you mean [lam]?"));
    assert!(complaint("steps = 3\n", &[]).contains("is outside any section"));
    assert!(complaint("[zzz]\n", &[]).contains("the sections are [data], [sample]"));
}

/// Catches: a type error does not name the key and the line.
#[test]
fn wrong_types_name_the_key() {
    let words = complaint("[lam]\nsteps = 'many'\n", &[]);
    assert!(words.starts_with("p.toml:2: lam.steps: invalid type"), "{words}");
    let words = complaint("", &["lam.layers=3"]);
    assert!(words.starts_with("--set lam.layers=3: lam.layers: "), "{words}");
    assert!(words.contains("write a list"), "{words}");
    let words = complaint("[lam]\nlayers = [1, -2]\n", &[]);
    assert!(words.starts_with("p.toml:2: lam.layers[1]: "), "{words}");
    let words = complaint("", &["lam.steps.x=3"]);
    assert!(words.contains("`steps` is a value"), "{words}");
}

/// Catches: a value of the right type that makes no sense is accepted.
#[test]
fn a_section_checks_itself() {
    assert_eq!(complaint("[lam]\nsteps = 0\n", &[]), "section [lam]: steps is 0: at least 1");
    let held_out = config("[data]\nheld_out = 1.5\n", &[]).unwrap();
    let error = held_out.section::<DataConfig>().unwrap_err();
    assert!(error.to_string().contains("held_out is 1.5"), "{error}");
}

/// Catches: the check of all sections misses a key, or suggests the wrong section.
#[test]
fn all_sections_can_be_checked_at_once() {
    let all: Table = "[lam]\nsteps = 1\n[tokenizer]\npatch = 4\n[lam.labels]\n".parse().unwrap();
    let check = |file| config(file, &[]).unwrap().check_keys(&all);
    assert!(check("[lam]\nsteps = 3\n[lam.labels]\nfree = 'x'\n").is_ok());
    let error = check("[lam]\npatch = 4\n[tokenizer]\npach = 4\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "p.toml:2: [lam] has no key `patch`; `patch` is a key of [tokenizer]\n       \
         p.toml:4: [tokenizer] has no key `pach`; did you mean `patch`?"
    );
}

/// Catches: a message about a wrong path or invalid TOML does not name the file.
#[test]
fn unreadable_files_are_named() {
    let args = ConfigArgs { config: Some("/nowhere/p.toml".into()), set: Vec::new() };
    let error = load(&args).unwrap_err();
    assert!(error.to_string().contains("/nowhere/p.toml"), "{error}");
    let error = config("[lam\n", &[]).unwrap_err();
    assert!(error.to_string().starts_with("p.toml is not valid TOML"), "{error}");
}

/// Catches: a child process gets another config than its parent.
#[test]
fn words_reproduce_the_flags() {
    let args =
        ConfigArgs { config: Some("a b.toml".into()), set: vec!["data.videos=[\"x y\"]".into()] };
    assert_eq!(args.to_words(), ["--config=a b.toml", "--set=data.videos=[\"x y\"]"]);
}

/// Catches: a base file overrides the file that extends it, or replaces whole tables; its path is
/// relative to the working directory; a message names the wrong file.
#[test]
fn a_file_extends_another() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| camino::Utf8PathBuf::from_path_buf(dir.path().join(name)).unwrap();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    std::fs::create_dir(path("sizes")).unwrap();
    write("base.toml", "[lam]\nsteps = 5\ndecoder = 'x'\nlayers = [3]\n[lam.deep]\nwidth = 1\n");
    write(
        "sizes/large.toml",
        "extends = '../base.toml'\n[lam]\nlayers = [7]\n[lam.deep]\nwidth = 2\n",
    );
    let read = |name: &str, set: &[&str]| -> Result<Lam, ConfigError> {
        let set = set.iter().map(ToString::to_string).collect();
        load(&ConfigArgs { config: Some(path(name)), set })?.section()
    };
    let lam = read("sizes/large.toml", &["lam.steps=6"]).unwrap();
    assert_eq!((lam.steps, lam.decoder.as_str(), lam.layers, lam.deep.width), (6, "x", vec![7], 2));

    write("base.toml", "[lam]\nsteps = 'many'\ndecodre = 'x'\n");
    let error = read("sizes/large.toml", &[]).unwrap_err().to_string();
    assert!(error.contains("base.toml:3") && error.contains("did you mean `decoder`"), "{error}");
    write("base.toml", "[lam]\nsteps = 'many'\n");
    let error = read("sizes/large.toml", &[]).unwrap_err().to_string();
    assert!(error.contains("base.toml:2: lam.steps"), "{error}");

    for (base, expected) in [
        ("extends = 'base.toml'", "cycle"),
        ("extends = 'none.toml'", "none.toml"),
        ("extends = 3", "a string"),
    ] {
        write("base.toml", base);
        let error = read("sizes/large.toml", &[]).unwrap_err().to_string();
        assert!(error.contains("base.toml:1: extends") && error.contains(expected), "{error}");
    }
    assert_eq!(exit::code_of(&read("sizes/large.toml", &[]).unwrap_err().into()), exit::USAGE);
}
