//! `export` and `import` of weights, with the built binaries.

use std::fs;

use camino::Utf8Path;
use genie_shards::{read_actions, read_tokens};
use genie_tests::Dataset;

const MODELS: [(&str, &[&str]); 3] = [
    ("tokenizer", &["tokenize"]),
    ("lam", &["train", "lam"]),
    ("dynamics", &["train", "dynamics"]),
];

/// Exports the three models of a config to `directory`.
fn export(dataset: &Dataset, directory: &str, words: &[&str]) {
    for (model, stage) in MODELS {
        let file = format!("{directory}/{model}.safetensors");
        let of = [&stage[1..], &[file.as_str()], words].concat();
        dataset.stage(stage[0], "export", &of).expect(0).says(&file);
    }
}

/// The bytes of a file's tensors, without its header.
fn tensors(file: &Utf8Path) -> Vec<u8> {
    let bytes = fs::read(file).expect("an exported file");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    bytes[8 + usize::try_from(length).expect("a header in memory")..].to_vec()
}

/// Arguments for a config that imports the files in `directory` and does not train.
fn importing(directory: &str) -> Vec<String> {
    let of = |(model, _)| {
        [
            format!("{model}.train.import={directory}/{model}.safetensors"),
            format!("{model}.train.steps=0"),
        ]
    };
    MODELS.into_iter().flat_map(of).flat_map(|set| ["--set".into(), set]).collect()
}

/// Catches: another model or an older checkpoint is exported; weights change on the way, or give
/// other tokens, actions or rollouts; an imported model gets the directory of the trained one;
/// training steps are made although the config asks for none; a key contains a file's name instead
/// of its content.
#[test]
fn exported_models_are_imported_to_the_last_bit() {
    let dataset = Dataset::new().on_one_thread();
    dataset.pipeline(&[]).expect(0);
    export(&dataset, "out", &[]);
    let words = importing("out");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    dataset.pipeline(&words).expect(0).says("all done");
    export(&dataset, "again", &words);
    for (model, _) in MODELS {
        let file = |directory: &str| dataset.path(format!("{directory}/{model}.safetensors"));
        assert!(tensors(&file("out")) == tensors(&file("again")), "{model}: other weights");
    }

    let (old, new) = (dataset.status(&[]), dataset.status(&words));
    let place = |key: &str| dataset.path(key);
    for step in [
        "tokenize fit",
        "tokenize encode",
        "train lam",
        "train label",
        "train dynamics",
        "evaluate run",
    ] {
        assert_ne!(old.dir(step), new.dir(step), "{step}");
        assert_eq!((old.state(step), new.state(step)), ("done", "done"), "{step}");
    }
    let tokens = [&old, &new]
        .map(|steps| read_tokens(&place(steps.dir("tokenize encode"))).expect("tokens"));
    assert!(!tokens[0].is_empty() && tokens[0] == tokens[1], "other tokens");
    let actions =
        [&old, &new].map(|steps| read_actions(&place(steps.dir("train label"))).expect("actions"));
    assert!(!actions[0].is_empty() && actions[0] == actions[1], "other actions");
    let (was, is) = (dataset.report(&[]), dataset.report(&words));
    for key in [
        "tokenizer",
        "lam",
        "rollout",
        "delta_psnr_db",
        "delta_psnr_time_shuffled_db",
        "action_agreement",
    ] {
        assert_eq!(was[key], is[key], "{key}");
    }

    // The same content in another place gives the same key; other content in the same place does
    // not.
    fs::rename(dataset.path("out"), dataset.path("moved")).expect("moved files");
    let moved = importing("moved");
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    dataset.pipeline(&moved).expect(0).says("nothing to do");
    fs::copy(dataset.path("again/lam.safetensors"), dataset.path("moved/lam.safetensors"))
        .expect("another file");
    let due = dataset.status(&moved);
    assert_eq!((due.state("tokenize fit"), due.state("train lam")), ("done", "missing"));
    dataset
        .stage("train", "lam", &words)
        .expect(1)
        .says("[tokenizer.train] import")
        .says("out/tokenizer.safetensors");
}

/// Catches: a second export overwrites a file; a model without a checkpoint is exported; an import
/// of another kind of model, or of another shape, leaves a checkpoint behind.
#[test]
fn mistakes_are_reported_and_change_nothing() {
    let dataset = Dataset::new();
    dataset.pipeline(&["--stage", "ingest"]).expect(0);
    dataset
        .stage("train", "export", &["dynamics", "dynamics.safetensors"])
        .expect(1)
        .says("run `genie-train dynamics`");
    assert!(!dataset.path("dynamics.safetensors").exists());
    dataset.stage("tokenize", "fit", &[]).expect(0);
    dataset.stage("tokenize", "export", &["a.safetensors"]).expect(0);
    fs::write(dataset.path("b.safetensors"), "precious").expect("a file");
    dataset.stage("tokenize", "export", &["b.safetensors"]).expect(1).says("--overwrite");
    assert_eq!(fs::read(dataset.path("b.safetensors")).expect("the file"), b"precious");
    dataset.stage("tokenize", "export", &["b.safetensors", "--overwrite"]).expect(0);
    assert!(tensors(&dataset.path("a.safetensors")) == tensors(&dataset.path("b.safetensors")));

    dataset
        .stage("tokenize", "fit", &["--set", "tokenizer.train.steps=0"])
        .expect(64)
        .says("import");
    let wide = ["--set", "tokenizer.train.import=a.safetensors", "--set", "tokenizer.encoder.d=24"];
    dataset
        .stage("tokenize", "fit", &wide)
        .expect(1)
        .says("encoder.d is 16 in the file and 24 in the config");
    let lam = ["--set", "lam.train.import=a.safetensors", "--set", "lam.train.steps=0"];
    dataset.stage("train", "lam", &lam).expect(1).says("tokenizer");
    for (stage, words) in [("tokenize fit", wide), ("train lam", lam)] {
        let run = dataset.path(dataset.status(&words).dir(stage));
        let steps = run
            .read_dir_utf8()
            .expect("a run")
            .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().contains("step-")));
        assert_eq!(steps.count(), 0, "{stage}");
    }
}
