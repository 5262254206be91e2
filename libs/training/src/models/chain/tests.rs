//! Tests of which clips a chain selects, and of the keys that hold them.

use anyhow::ensure;
use genie_shards::{ClipMeta, ClipRow, Scores, Split, write_clip_rows};
use genie_stage::config::{ConfigArgs, load};

use super::*;

/// Evaluates two expressions: `moving`, and `not still`, which selects the same clips.
fn filter(expression: &str, clips: &[ClipRow]) -> Result<Vec<bool>> {
    ensure!(["moving", "not still"].contains(&expression), "no column {expression}: motion, noise");
    Ok(clips.iter().map(|clip| clip.meta.scores.motion > 0.5).collect())
}

/// A clip with this motion score.
fn clip(id: &str, split: Split, motion: f32) -> ClipRow {
    let scores = Scores { motion, ..Scores::default() };
    let meta = ClipMeta {
        clip_id: id.into(),
        source_id: id.into(),
        split,
        time_base: (1, 10),
        frame_pts: vec![0, 1],
        width: 1,
        height: 1,
        scores,
        ..ClipMeta::default()
    };
    ClipRow { meta, kept: true, ..ClipRow::default() }
}

/// Replaces the published clips. No test here reads their frames.
fn publish(root: &Utf8Path, name: &str, clips: &[ClipRow]) {
    let entry = write_clip_rows(root, name, clips).unwrap();
    Manifest::commit(root, |manifest| {
        for table in [tables::CLIPS, tables::CLIP_ROWS] {
            manifest.retain(table, |_| false);
            manifest.add(table, entry.clone());
        }
    })
    .unwrap();
}

fn sections(root: &Utf8Path, expression: &str) -> ModelSections {
    let set = vec![format!("data.root={root}"), format!("data.where={expression}")];
    ModelSections::read(&load(&ConfigArgs { config: None, set }).unwrap()).unwrap()
}

/// The keys of tokenizer, latent action model, dynamics model, tokens and labels.
fn keys(sections: &ModelSections) -> ([String; 3], [String; 2]) {
    let chain = Chain::existing(sections).unwrap();
    let key = |step: &genie_stage::step::StepDir| step.key().to_string();
    (
        [&chain.tokenizer, &chain.lam, &chain.dynamics].map(key),
        [&chain.tokens, &chain.actions].map(key),
    )
}

fn clips() -> Vec<ClipRow> {
    let mut dropped = clip("dropped", Split::Train, 0.9);
    dropped.kept = false;
    let (moving, held_out) =
        (clip("moving", Split::Train, 0.9), clip("held out", Split::HeldOut, 0.9));
    vec![moving, clip("still", Split::Train, 0.1), held_out, dropped]
}

/// Catches: `gc` deletes clips after the chain has read which there are, and before training opens
/// them; the mark ends with the chain although a training still reads; it never ends.
#[test]
fn gc_deletes_no_clips_of_a_chain() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    publish(root, "first", &clips());
    let chain = Chain::existing(&sections(root, "")).unwrap();
    assert!(InUse::exclude(root).is_err());
    let of_training = chain.in_use();
    drop(chain);
    assert!(InUse::exclude(root).is_err());
    drop(of_training);
    InUse::exclude(root).unwrap();
}

/// Catches: models train on clips that are not selected, are held out, or were dropped; the key
/// changes because of another expression for the same clips, or because of new clips that are not
/// selected; the key stays the same although a new clip is selected; the key of tokens stays the
/// same although clips were added.
#[test]
fn keys_hold_the_clips_that_are_selected() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    publish(root, "first", &clips());
    let select = |expression: &str| sections(root, expression).with_filter(filter).unwrap();
    let chosen = |expression: &str| -> Vec<&str> {
        let clips = Chain::to_train(&select(expression)).unwrap().clips().unwrap();
        let known = ["another", "dropped", "held out", "moving", "new", "still", "third"];
        let found: Vec<_> = known.into_iter().filter(|id| clips.contains(*id)).collect();
        assert_eq!(found.len(), clips.len());
        found
    };
    assert_eq!(chosen("moving"), ["moving"]);
    assert_eq!(chosen(""), ["moving", "still"]);
    let (models, made) = keys(&select("moving"));
    assert_eq!((models.clone(), made.clone()), keys(&select("  not still ")));
    let all = keys(&select(""));
    assert!((0..3).all(|model| models[model] != all.0[model]), "{models:?} {all:?}");

    publish(
        root,
        "second",
        &[clips(), vec![clip("another", Split::Train, 0.2), clip("new", Split::HeldOut, 0.9)]]
            .concat(),
    );
    let (same, more) = keys(&select("moving"));
    assert!(same == models && more[0] != made[0] && more[1] != made[1], "{more:?} {made:?}");
    publish(root, "third", &[clips(), vec![clip("third", Split::Train, 0.8)]].concat());
    assert_eq!(chosen("moving"), ["moving", "third"]);
    let (new, _) = keys(&select("moving"));
    assert!((0..3).all(|model| models[model] != new[model]), "{models:?} {new:?}");
}

/// Catches: a binary without SQL finds other models than the binaries with SQL; a record is used
/// for other clips or another expression; a missing record counts as "all clips".
#[test]
fn a_binary_without_sql_reads_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    publish(root, "first", &clips());
    let unknown = |expression: &str| {
        Chain::existing(&sections(root, expression)).err().map(|error| error.to_string())
    };
    assert!(unknown("moving").unwrap().contains("run `genie-tokenize fit`"));
    let with_sql = keys(&sections(root, "moving").with_filter(filter).unwrap());
    assert_eq!(keys(&sections(root, "moving")), with_sql);
    assert!(unknown("not still").is_some());
    publish(root, "second", &clips()[1..]);
    assert!(unknown("moving").is_some(), "the record is of other clips");
    assert!(unknown("").is_none());
}

/// Catches: training starts without clips or with an invalid expression, and fails only after
/// hours.
#[test]
fn an_empty_selection_and_a_wrong_expression_are_refused_before_any_work() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    publish(root, "first", &clips()[1..]);
    let error = Chain::to_train(&sections(root, "moving").with_filter(filter).unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("`moving`") && error.contains("none of the 1 clips"), "{error}");
    // Steps over all clips can still run.
    Chain::existing(&sections(root, "moving").with_filter(filter).unwrap()).unwrap();

    let error = sections(root, "moton").with_filter(filter).unwrap_err();
    assert_eq!(genie_stage::exit::code_of(&error), genie_stage::exit::USAGE);
    assert!(
        error.to_string().contains("[data] where") && error.to_string().contains("motion, noise"),
        "{error}"
    );
}

/// Catches: models of earlier versions get other keys, and are trained again; a model that is
/// trained in another order has the key of the first.
#[test]
fn the_size_of_the_shuffle_is_in_the_keys_of_models_unless_it_is_the_default() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    publish(root, "first", &clips());
    let with = |shuffle_mb| {
        let mut sections = sections(root, "");
        sections.data.shuffle_mb = shuffle_mb;
        keys(&sections)
    };
    let (models, made) = with(512);
    let default = sections(root, "");
    assert_eq!(keys(&default), (models.clone(), made.clone()));
    let clips = Manifest::load(root).unwrap().table_hash(tables::CLIPS);
    let earlier = Key::builder("tokenizer", genie_model::TRAINING_FORMAT)
        .config(&default.tokenizer.keyed())
        .input("clips", clips);
    assert_eq!(models[0], earlier.finish().to_string());
    let (others, remade) = with(8);
    assert!((0..3).all(|model| models[model] != others[model]));
    assert!(made[0] != remade[0] && made[1] != remade[1], "of other models");
    assert_eq!(with(8), (others, remade));
}
