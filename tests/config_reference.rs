//! The config reference: `config --explain`, and the page docs/config.md.

use std::collections::BTreeSet;
use std::fs;

use genie_tests::Dataset;
use serde_json::Value;
use toml::Table;

const STAGES: [&str; 4] = ["ingest", "tokenize", "train", "evaluate"];

/// The tables of all stages' references: name, comment and keys.
fn tables() -> Vec<Value> {
    let dataset = Dataset::new();
    let of = |stage: &str| {
        let binary = format!("genie-{stage}");
        let json = dataset.run(&binary, &["config", "--explain", "--json"]).expect(0).json();
        json.as_array().expect("a list of tables").clone()
    };
    let tables: Vec<Value> = STAGES.iter().flat_map(|stage| of(stage)).collect();
    assert!(tables.len() > 20, "{} tables", tables.len());
    tables
}

/// The full names of all keys in `table`, which is named `name`, with their values.
fn leaves(name: &str, table: &Table, found: &mut Vec<(String, toml::Value)>) {
    for (key, value) in table {
        let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        match value {
            toml::Value::Table(inner) => leaves(&name, inner, found),
            value => found.push((name, value.clone())),
        }
    }
}

/// Catches: a page does not list a new key, or describes the earlier meaning of a key.
#[test]
fn the_page_is_what_the_command_prints() {
    let page = format!("{}/../docs/config.md", env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(page).expect("docs/config.md");
    let printed = Dataset::new().run("genie", &["config", "--explain", "--markdown"]).expect(0);
    assert!(
        page == printed.stdout,
        "docs/config.md is out of date: run `genie config --explain --markdown > docs/config.md`"
    );
}

/// Catches: the reference lacks a key of the config, or shows another default; a key in the
/// reference does not exist; a section is printed by each stage that uses it.
#[test]
fn the_reference_has_every_key_of_the_config_once() {
    let dataset = Dataset::new();
    fs::write(dataset.path("empty.toml"), "").expect("a config file");
    let config = dataset.run("genie", &["config", "empty.toml"]).expect(0).stdout;
    let mut keys = Vec::new();
    leaves("", &config.parse().expect("the config is TOML"), &mut keys);
    assert!(keys.len() > 100, "{} keys", keys.len());

    let text = dataset.run("genie", &["config", "--explain"]).expect(0).stdout;
    let explained = text.lines().filter(|line| {
        let key = line.starts_with(|first: char| first.is_ascii_lowercase());
        key && line.contains('.') && !line.contains(' ')
    });
    let explained: Vec<&str> = explained.collect();
    let unique: BTreeSet<&str> = explained.iter().copied().collect();
    assert_eq!(unique.len(), explained.len(), "a key is explained twice");
    let names: BTreeSet<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
    let difference: Vec<_> = names.symmetric_difference(&unique).collect();
    assert!(difference.is_empty(), "in the config or in the reference only: {difference:?}");

    let tables = tables();
    let key = |name: &str| {
        let mut keys = tables.iter().flat_map(|table| table["keys"].as_array().expect("keys"));
        keys.find(|key| key["name"] == name).expect("the key is in a stage's reference")
    };
    for (name, value) in keys {
        let default = key(&name)["default"].as_str().expect("a default");
        let default: Table = format!("value = {default}").parse().expect("a TOML value");
        assert_eq!(default["value"], value, "the default of {name}");
    }
}

/// Catches: a key, a table or a value has no doc comment, or its comment only repeats its name or
/// type.
#[test]
fn every_comment_says_something() {
    const FILLERS: [&str; 12] =
        ["the", "a", "an", "of", "in", "is", "for", "to", "number", "string", "list", "section"];
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        words.filter(|word| !word.is_empty() && !FILLERS.contains(&word.as_str())).collect()
    };
    let mut wrong = Vec::new();
    let mut check = |name: &str, entry: &Value, fewest: usize| {
        let doc = entry["doc"].as_str().expect("a comment");
        let new = words(doc).difference(&words(name)).count();
        if new < fewest || !doc.ends_with('.') {
            wrong.push(format!("{name}: {doc:?}"));
        }
    };
    for table in tables() {
        check(table["name"].as_str().expect("a name"), &table, 4);
        for key in table["keys"].as_array().expect("keys") {
            let name = key["name"].as_str().expect("a name");
            check(name, key, 4);
            for value in key["values"].as_array().expect("values") {
                check(&format!("{name} = {}", value["value"]), value, 2);
            }
        }
    }
    assert!(wrong.is_empty(), "{} comments: {wrong:#?}", wrong.len());
}

/// Catches: `--explain lam.train` prints everything or nothing; a misspelt section gives another
/// exit code than 64, or no hint.
#[test]
fn a_part_can_be_named() {
    let dataset = Dataset::new();
    let part = dataset.run("genie", &["config", "--explain", "lam.train"]).expect(0).stdout;
    assert!(part.starts_with("[lam.train]\n"), "{part}");
    assert!(part.contains("\nlam.train.clip_norm\n    number; default 1.0\n"), "{part}");
    assert!(!part.contains("tokenizer.") && !part.contains("lam.frames"), "{part}");
    assert!(part.lines().all(|line| line.chars().count() <= 100), "{part}");

    let own = dataset.run("genie-ingest", &["config", "--explain", "sample"]).expect(0).stdout;
    assert!(own.contains("sample.episodes") && !own.contains("ingest.fps"), "{own}");

    let wrong = |words: &[&str]| dataset.run(words[0], &words[1..]).expect(64);
    wrong(&["genie", "config", "--explain", "lam.trian"]).says("did you mean `lam.train`?");
    wrong(&["genie-train", "config", "--explain", "lma"]).says("did you mean `lam`?");
    wrong(&["genie", "config", "--explain", "clip_norm"]).says("dynamics.train.clip_norm");
    wrong(&["genie", "config", "--markdown"]).says("--explain");
}
