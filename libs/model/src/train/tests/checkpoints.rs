//! Tests of checkpoints: which are kept, which count, which are rejected.

use super::*;
use crate::{Dynamics, Tokenizer};

/// Catches: old checkpoints fill the disk; a new one is removed instead.
#[test]
fn the_last_checkpoints_are_kept() {
    let runs = Runs::new();
    let run = runs.run("a");
    dynamics(
        &TrainConfig { checkpoint_every: 2, keep: 2, ..steps(11) },
        &run,
        &mut Quiet::default(),
    )
    .unwrap();
    let mut names: Vec<String> =
        run.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["events.out.tfevents.genie", "metrics.jsonl", "step-10", "step-11"]);
}

/// Catches: a half-written checkpoint counts, or makes the next one fail.
#[test]
fn a_half_written_checkpoint_does_not_count() {
    let runs = Runs::new();
    let run = runs.run("a");
    assert_eq!(latest_step(&run), None);
    assert_eq!(
        dynamics(&steps(4), &run, &mut Quiet::stopping_after(0)).unwrap(),
        Outcome::Stopped(0)
    );
    assert_eq!(latest_step(&run), None, "no step is done, so nothing is saved");
    dynamics(&steps(4), &run, &mut Quiet::stopping_after(2)).unwrap();
    for partial in ["step-3", "step-4", ".step-4.partial", ".step-5.removed"] {
        copy(&run.join("step-2"), &run.join(partial));
    }
    fs::remove_file(run.join("step-3/state.json")).unwrap();
    fs::remove_file(run.join("step-4/state.json")).unwrap();
    assert_eq!(latest_step(&run), Some(2));
    dynamics(&steps(4), &run, &mut Quiet::default()).unwrap();
    assert_eq!(latest_step(&run), Some(4));
    Dynamics::load(&run, &Device::Cpu).unwrap();
}

fn flip_a_byte(path: &Utf8Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Catches: damaged weights are used or trained further; an error lacks the file's name.
#[test]
fn a_damaged_file_is_an_error_with_its_name() {
    let runs = Runs::new();
    let good = runs.run("good");
    dynamics(&steps(4), &good, &mut Quiet::stopping_after(2)).unwrap();
    let empty: fn(&Utf8Path) = |path| fs::write(path, "").unwrap();
    let remove: fn(&Utf8Path) = |path| fs::remove_file(path).unwrap();
    let damages = [
        ("model.safetensors", &[flip_a_byte as fn(&Utf8Path), empty, remove][..]),
        ("average.safetensors", &[flip_a_byte, empty, remove]),
        ("optimizer.bin", &[flip_a_byte, empty, remove]),
        // Not removed: without it the directory is not a checkpoint.
        ("state.json", &[empty]),
    ];
    for (file, damage) in
        damages.iter().flat_map(|(file, damages)| damages.iter().map(move |damage| (*file, damage)))
    {
        let run = runs.run("bad");
        copy(&good, &run);
        damage(&run.join("step-2").join(file));
        // A model can be used without the optimizer's file.
        if file != "optimizer.bin" {
            let error = Dynamics::load(&run, &Device::Cpu).map(drop).unwrap_err().to_string();
            assert!(error.contains("step-2") && error.contains(file), "{error}");
        }
        let error = dynamics(&steps(4), &run, &mut Quiet::default()).unwrap_err().to_string();
        assert!(error.contains("step-2") && error.contains(file), "{error}");
        fs::remove_dir_all(&run).unwrap();
    }
}

/// Catches: weights of another shape are loaded in part, or cause a panic instead of an error.
#[test]
fn the_checkpoint_of_another_model_is_an_error() {
    let runs = Runs::new();
    let run = runs.run("a");
    tokenizer(&steps(2), &run, &mut Quiet::default()).unwrap();
    let mut other = tokenizer_config(&steps(4));
    other.encoder.d = 32;
    let error = train_tokenizer(
        &other,
        &Clips::noise((8, 8), &[5]),
        &run,
        &Device::Cpu,
        &mut Quiet::default(),
    )
    .unwrap_err();
    assert!(matches!(&error, ModelError::Checkpoint { .. }), "{error}");
    other = tokenizer_config(&steps(4));
    other.encoder.layers = 2;
    let error = train_tokenizer(
        &other,
        &Clips::noise((8, 8), &[5]),
        &run,
        &Device::Cpu,
        &mut Quiet::default(),
    )
    .unwrap_err();
    assert!(matches!(&error, ModelError::Checkpoint { .. }), "{error}");
    assert!(Dynamics::load(&run, &Device::Cpu).is_err(), "a tokenizer is not a dynamics model");
    assert!(Tokenizer::load(&runs.run("none"), &Device::Cpu).is_err());
}
