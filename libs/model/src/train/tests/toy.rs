//! The loop over a model of one number, w, and the loss w²·x, where x is drawn: all it says can be worked out by hand.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::backend::Backend;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::estimate::Estimate;
use crate::train::{Loss, Task, train};

#[derive(Module, Debug)]
struct Number<B: Backend> {
    w: Param<Tensor<B, 1>>,
}

/// What x lies between is two numbers apart from 0.
struct Toy;

impl Task<Ad> for Toy {
    type Model = Number<Ad>;
    type Batch = f32;
    type Aux = ();

    fn init(&self, device: &FlexDevice) -> Number<Ad> {
        Number { w: Param::from_tensor(Tensor::ones([1], device)) }
    }

    fn batch(&self, _part: usize, rng: &mut ChaCha8Rng) -> Result<f32, ModelError> {
        Ok(rng.random_range(0.5..1.5))
    }

    fn loss(
        &self,
        model: &Number<Ad>,
        x: f32,
        _rng: &mut ChaCha8Rng,
        _device: &FlexDevice,
    ) -> Loss<Ad, ()> {
        let w = model.w.val();
        Loss { value: w.clone() * w * x, metrics: Vec::new(), aux: () }
    }
}

fn description() -> BTreeMap<String, String> {
    BTreeMap::from([("model".to_owned(), "toy".to_owned())])
}

fn run(config: &TrainConfig, runs: &Runs, name: &str) -> (Result<Outcome, ModelError>, Quiet) {
    let mut watch = Quiet::default();
    let outcome = train::<Ad, _>(
        &Toy,
        config,
        &description(),
        &Estimate::default(),
        &runs.run(name),
        &[FlexDevice],
        &mut watch,
    );
    (outcome, watch)
}

fn config(steps: usize) -> TrainConfig {
    TrainConfig { log_every: 1, warmup: 1, batch: 6, ..super::steps(steps) }
}

/// Catches: parts whose gradients are added and not averaged, or of which only the last counts; the same part drawn twice.
#[test]
fn a_step_in_parts_has_their_mean_gradient() {
    let runs = Runs::new();
    let first = |accumulate, name: &str| {
        let (outcome, watch) = run(&TrainConfig { accumulate, ..config(4) }, &runs, name);
        outcome.unwrap();
        (watch.reports[0].loss, watch.reports[0].grad_norm)
    };
    // At w = 1 the loss is x and its gradient 2x. The first three parts are the first three steps of a run without parts.
    let x: Vec<f32> = (0..3)
        .map(|part| Toy.batch(part, &mut crate::train::step::stream(0, 1, part)).unwrap())
        .collect();
    assert!(x[0] != x[1] && x[1] != x[2]);
    let mean = x.iter().sum::<f32>() / 3.0;
    let (loss, norm) = first(3, "parts");
    assert!(
        (loss - mean).abs() < 1e-6 && (norm - 2.0 * mean).abs() < 1e-6,
        "{loss} {norm}, not {mean}"
    );
    let (loss, norm) = first(1, "whole");
    assert!((loss - x[0]).abs() < 1e-6 && (norm - 2.0 * x[0]).abs() < 1e-6, "{loss} {norm}");
}

/// Catches: a loss that grows without bound and is trained on for days because it is still a number; a good checkpoint lost to it; a
/// loss that merely doubles taken for one.
#[test]
fn an_exploding_loss_stops_the_run() {
    let runs = Runs::new();
    let calm = TrainConfig { checkpoint_every: 1, keep: 100, ..config(3) };
    run(&calm, &runs, "a").0.unwrap();
    // A constant rate of 20 moves w by 20 at the first step: its square explodes.
    let wild = TrainConfig { lr: 20.0, steps: 50, schedule: crate::Schedule::Constant, ..calm };
    let error = run(&wild, &runs, "a").0.unwrap_err();
    assert!(matches!(error, ModelError::Diverged { step: 5, loss } if loss.is_finite()), "{error}");
    assert!(error.to_string().contains("last good checkpoint"), "{error}");
    assert!(runs.run("a").join("step-3/state.json").is_file());
}

/// Catches: checkpoints for comparison that are removed with the rest.
#[test]
fn every_so_many_steps_are_kept_for_good() {
    let runs = Runs::new();
    let config = TrainConfig { checkpoint_every: 1, keep: 1, keep_every: 4, ..config(11) };
    run(&config, &runs, "a").0.unwrap();
    let mut kept: Vec<String> = runs
        .run("a")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .collect();
    kept.retain(|name| name.starts_with("step-"));
    kept.sort();
    assert_eq!(kept, ["step-11", "step-4", "step-8"]);
}

/// Catches: an average that is not saved, is lost at a resume, or is not what is used.
#[test]
fn the_average_is_saved_resumed_and_used() {
    let config = TrainConfig { ema: 0.9, ..config(12) };
    let runs = Runs::new();
    run(&config, &runs, "whole").0.unwrap();
    let part = TrainConfig { checkpoint_every: 5, ..config.clone() };
    let mut watch = Quiet::stopping_after(7);
    train::<Ad, _>(
        &Toy,
        &part,
        &description(),
        &Estimate::default(),
        &runs.run("parts"),
        &[FlexDevice],
        &mut watch,
    )
    .unwrap();
    run(&config, &runs, "parts").0.unwrap();
    let file = |run: &str, name: &str| fs::read(runs.run(run).join("step-12").join(name)).unwrap();
    for name in ["average.safetensors", "model.safetensors"] {
        assert!(file("whole", name) == file("parts", name), "{name}");
    }
    let used =
        crate::train::load_model::<BTreeMap<String, String>, Flex, _>(&runs.run("whole"), |_| {
            Ok(Number { w: Param::from_tensor(Tensor::<Flex, 1>::zeros([1], &FlexDevice)) })
        });
    let used = used.unwrap().1.w.val().into_scalar();
    let last =
        f32::from_le_bytes(file("whole", "model.safetensors").last_chunk::<4>().copied().unwrap());
    let average = f32::from_le_bytes(
        file("whole", "average.safetensors").last_chunk::<4>().copied().unwrap(),
    );
    assert!(
        used == average && average > last,
        "w falls, and its average lags: used {used}, average {average}, last {last}"
    );
}

/// Catches: a checkpoint that could not be written in the background, and nobody hears of it.
#[test]
fn what_goes_wrong_in_the_background_ends_the_run() {
    let runs = Runs::new();
    fs::create_dir_all(runs.run("a")).unwrap();
    fs::write(
        runs.run("a").join(".step-2.partial"),
        "in the way: a file where a directory belongs",
    )
    .unwrap();
    let error = run(&TrainConfig { checkpoint_every: 2, ..config(4) }, &runs, "a").0.unwrap_err();
    assert!(error.to_string().contains("step-2"), "{error}");
}
