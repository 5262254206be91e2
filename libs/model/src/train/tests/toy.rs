//! Tests of the training loop with a model of one number `w` and the loss `w²·x`, for a random `x`.
//!
//! The expected values can be computed by hand.

use std::collections::BTreeMap;

use burn::module::Param;
use burn::tensor::backend::Backend;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::estimate::Estimate;
use crate::train::random::{StreamKind, stream};
use crate::train::{Loss, Task, train};

#[derive(Module, Debug)]
struct Number<B: Backend> {
    w: Param<Tensor<B, 1>>,
}

/// The loss `w²·x`; `x` is between 0.5 and 1.5.
struct Toy;

impl Task<Ad> for Toy {
    type Model = Number<Ad>;
    type Batch = f32;
    type Aux = ();

    fn init(&self, device: &FlexDevice) -> Number<Ad> {
        Number { w: Param::from_tensor(Tensor::ones([1], device)) }
    }

    fn batch(&self, _index: usize, rng: &mut ChaCha8Rng) -> Result<f32, ModelError> {
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
    run_task(&Toy, config, runs, name)
}

fn run_task<T: Task<Ad, Model = Number<Ad>>>(
    task: &T,
    config: &TrainConfig,
    runs: &Runs,
    name: &str,
) -> (Result<Outcome, ModelError>, Quiet) {
    let mut observer = Quiet::default();
    let outcome = train::<Ad, _>(
        task,
        config,
        &description(),
        &Estimate::default(),
        &runs.run(name),
        &[FlexDevice],
        &mut observer,
    );
    (outcome, observer)
}

fn config(steps: usize) -> TrainConfig {
    TrainConfig { log_every: 1, warmup: 1, batch: 6, ..super::steps(steps) }
}

/// Catches: gradients of micro-batches are added instead of averaged, or only the last one counts;
/// a micro-batch is drawn twice.
#[test]
fn a_step_has_the_mean_gradient_of_its_micro_batches() {
    let runs = Runs::new();
    let first = |accumulate, name: &str| {
        let (outcome, observer) = run(&TrainConfig { accumulate, ..config(4) }, &runs, name);
        outcome.unwrap();
        (observer.reports[0].loss, observer.reports[0].grad_norm)
    };
    // At w = 1 the loss is x and its gradient is 2x. The first three micro-batches are the first
    // three steps of a run with one micro-batch per step.
    let x: Vec<f32> = (0..3)
        .map(|index| Toy.batch(index, &mut stream(0, StreamKind::Batch, index)).unwrap())
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

/// Catches: a loss grows without limit but is still finite, so that the run continues for days; a
/// good checkpoint is lost because of it; a loss that only doubles stops the run.
#[test]
fn an_exploding_loss_stops_the_run() {
    let runs = Runs::new();
    let calm = TrainConfig { checkpoint_every: 1, keep: 100, ..config(3) };
    run(&calm, &runs, "a").0.unwrap();
    // A constant rate of 20 moves w by 20 in the first step, so its square explodes.
    let wild = TrainConfig { lr: 20.0, steps: 50, schedule: crate::Schedule::Constant, ..calm };
    let error = run(&wild, &runs, "a").0.unwrap_err();
    assert!(matches!(error, ModelError::Diverged { step: 5, loss } if loss.is_finite()), "{error}");
    assert!(error.to_string().contains("last good checkpoint"), "{error}");
    assert!(runs.run("a").join("step-3/state.json").is_file());
}

/// A loss that grows by half with each training step, for any weights.
struct Growing;

impl Task<Ad> for Growing {
    type Model = Number<Ad>;
    type Batch = f32;
    type Aux = ();

    fn init(&self, device: &FlexDevice) -> Number<Ad> {
        Toy.init(device)
    }

    fn batch(&self, index: usize, _rng: &mut ChaCha8Rng) -> Result<f32, ModelError> {
        Ok(1.5_f32.powi(index as i32))
    }

    fn loss(
        &self,
        model: &Number<Ad>,
        value: f32,
        _rng: &mut ChaCha8Rng,
        _device: &FlexDevice,
    ) -> Loss<Ad, ()> {
        Loss { value: model.w.val() * 0.0 + value, metrics: Vec::new(), aux: () }
    }
}

/// Trains [`Growing`] until it diverges, and returns the training step.
fn diverges_at(runs: &Runs, name: &str) -> usize {
    match run_task(&Growing, &config(50), runs, name).0 {
        Err(ModelError::Diverged { step, .. }) => step,
        other => panic!("{name} did not diverge: {other:?}"),
    }
}

/// Catches: a resumed run takes the limit of the loss from its own first loss; a checkpoint without
/// a first loss, as older programs wrote it, cannot be resumed.
#[test]
fn a_resumed_run_diverges_at_the_same_step() {
    let runs = Runs::new();
    // The first loss is 1, so the limit is 20: the loss of step 8 is 17.1, and the loss of step 9
    // is 25.6.
    assert_eq!(diverges_at(&runs, "whole"), 9);
    run_task(&Growing, &config(5), &runs, "resumed").0.unwrap();
    copy(&runs.run("resumed"), &runs.run("old"));
    assert_eq!(diverges_at(&runs, "resumed"), 9);

    let path = runs.run("old").join("step-5/state.json");
    let mut state: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(state["first_loss"], 1.0);
    state.as_object_mut().unwrap().remove("first_loss");
    fs::write(&path, state.to_string()).unwrap();
    // The loss of step 6 is 7.6, so the limit is 86: the loss of step 12 is the first above it.
    assert_eq!(diverges_at(&runs, "old"), 12);
}

/// Catches: checkpoints for later comparison are removed with the others.
#[test]
fn checkpoints_at_the_interval_are_kept() {
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

/// Catches: an average is not saved, is lost at a resume, or is not the model that is used.
#[test]
fn the_average_is_saved_resumed_and_used() {
    let config = TrainConfig { ema: 0.9, ..config(12) };
    let runs = Runs::new();
    run(&config, &runs, "whole").0.unwrap();
    let part = TrainConfig { checkpoint_every: 5, ..config.clone() };
    let mut observer = Quiet::stopping_after(7);
    train::<Ad, _>(
        &Toy,
        &part,
        &description(),
        &Estimate::default(),
        &runs.run("parts"),
        &[FlexDevice],
        &mut observer,
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
        "w falls and its average lags behind: used {used}, average {average}, last {last}"
    );
}

/// Catches: a checkpoint cannot be written in the background, without an error.
#[test]
fn an_error_in_the_background_ends_the_run() {
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
