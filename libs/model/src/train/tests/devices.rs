//! Tests of training steps whose micro-batches several devices share.
//!
//! Burn's CPU backend has one device. Here it takes the place of each.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Precision;
use crate::estimate::Estimate;
use crate::layers::Stack;
use crate::train::random::{StreamKind, stream};
use crate::train::{Loss, Task, train};

const GRID: Grid = Grid { b: 2, t: 3, s: 4 };

/// A task whose loss compares a stack's output with its random input rows.
struct Rows {
    stack: Stack<Ad>,
    /// First value, as bits, of the batch that cannot be read.
    unreadable: Option<u32>,
}

impl Rows {
    fn new() -> Self {
        Self { stack: seeded(5, || stack(true).init(&FlexDevice)), unreadable: None }
    }
}

impl Task<Ad> for Rows {
    type Model = Stack<Ad>;
    type Batch = Vec<f32>;
    type Aux = Vec<f32>;

    fn init(&self, _device: &FlexDevice) -> Stack<Ad> {
        self.stack.clone()
    }

    fn batch(&self, _index: usize, rng: &mut ChaCha8Rng) -> Result<Vec<f32>, ModelError> {
        let batch: Vec<f32> = (0..GRID.rows() * 16).map(|_| rng.random_range(-1.0..1.0)).collect();
        match self.unreadable {
            Some(unreadable) if batch[0].to_bits() == unreadable => {
                Err(ModelError::Data("this one".into()))
            }
            _ => Ok(batch),
        }
    }

    fn loss(
        &self,
        model: &Stack<Ad>,
        batch: Vec<f32>,
        rng: &mut ChaCha8Rng,
        _: &FlexDevice,
    ) -> Loss<Ad, Vec<f32>> {
        let x =
            Tensor::<Ad, 1>::from_floats(batch.as_slice(), &FlexDevice).reshape([GRID.rows(), 16]);
        let y = model.forward(x.clone(), GRID) - x * rng.random_range(0.0..1.0f32);
        Loss { value: (y.clone() * y).mean(), metrics: Vec::new(), aux: batch }
    }

    fn logged(&self, aux: &Vec<f32>) -> Result<Vec<(&'static str, f32)>, ModelError> {
        Ok(vec![("first", aux[0])])
    }
}

/// Trains with four micro-batches per step on `devices` devices.
fn run(
    task: &Rows,
    devices: usize,
    config: &TrainConfig,
    run: &Utf8Path,
) -> Result<Quiet, ModelError> {
    let mut observer = Quiet::default();
    resume(task, devices, config, run, &mut observer)?;
    Ok(observer)
}

/// Trains until the observer stops, from the newest checkpoint on.
fn resume(
    task: &Rows,
    devices: usize,
    config: &TrainConfig,
    run: &Utf8Path,
    observer: &mut Quiet,
) -> Result<Outcome, ModelError> {
    let description = BTreeMap::from([("model".to_owned(), "rows".to_owned())]);
    let devices = vec![FlexDevice; devices];
    train::<Ad, _>(task, config, &description, &Estimate::default(), run, &devices, observer)
}

fn config() -> TrainConfig {
    let config = TrainConfig {
        log_every: 1,
        warmup: 1,
        batch: 8,
        accumulate: 4,
        clip_norm: 0.1,
        ..steps(6)
    };
    TrainConfig { optimizer: OptimizerKind::Muon, ema: 0.5, ..config }
}

/// Catches: a micro-batch is computed twice or not at all, or with another one's data or noise; the
/// gradient or loss of a device is lost or has another weight; a copy of the model is not updated;
/// the log gets the values of another micro-batch; sums have another order on several devices;
/// recompute or divided weights change a gradient; a device uses the weights of the step before.
#[test]
fn devices_that_share_a_step_compute_the_same() {
    let (runs, task) = (Runs::new(), Rows::new());
    for precision in [Precision::F32, Precision::Bf16] {
        let config = TrainConfig { precision, ..config() };
        let one = runs.run(&format!("{precision:?}"));
        let expected = run(&task, 1, &config, &one).unwrap();
        for (recompute, shard_weights) in [(false, false), (true, false), (true, true)] {
            let config = TrainConfig { recompute, shard_weights, ..config.clone() };
            for devices in [1, 2, 4] {
                let name = format!("{precision:?} {recompute} {shard_weights} {devices}");
                let several = run(&task, devices, &config, &runs.run(&name)).unwrap();
                let values = |observer: &Quiet| {
                    let steps = observer.reports.iter();
                    steps.map(|step| (step.loss, step.grad_norm, step.metrics.clone())).collect()
                };
                let (values, expected): (Vec<_>, Vec<_>) = (values(&several), values(&expected));
                assert_eq!(values, expected, "{name}");
                assert!(weights(&runs.run(&name)) == weights(&one), "{name}: other weights");
            }
        }
    }
}

/// Catches: moments or weights are lost, or belong to another parameter, when a run resumes on
/// another number of devices, or with other weights divided; a checkpoint of several devices has
/// other files.
#[test]
fn a_run_resumes_on_another_number_of_devices() {
    let (runs, task) = (Runs::new(), Rows::new());
    let config = TrainConfig { recompute: true, ..config() };
    let divided = TrainConfig { shard_weights: true, ..config.clone() };
    let (whole, parts) = (runs.run("whole"), runs.run("parts"));
    run(&task, 1, &config, &whole).unwrap();
    let next = |devices, config, steps| {
        resume(&task, devices, config, &parts, &mut Quiet::stopping_after(steps)).unwrap();
    };
    next(2, &divided, 2);
    next(1, &config, 1);
    next(4, &divided, 1);
    next(2, &config, 9);
    let files = |run: &Utf8Path| {
        let entries = run.join("step-6").read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(files(&whole), files(&parts));
    let file = |run: &Utf8Path, name| fs::read(run.join("step-6").join(name)).unwrap();
    for name in ["model.safetensors", "average.safetensors"] {
        assert!(file(&whole, name) == file(&parts, name), "{name}");
    }
}

/// Catches: a device waits for ever for an unreadable batch; an error hides the error of reading;
/// no device computes a micro-batch.
#[test]
fn errors_on_several_devices_are_returned() {
    let (runs, task) = (Runs::new(), Rows::new());
    let error = run(&task, 3, &config(), &runs.run("three"))
        .err()
        .expect("three devices cannot share four micro-batches");
    assert!(error.to_string().contains("accumulate = 4"), "{error}");
    // The second micro-batch of the third step.
    let batch = task.batch(9, &mut stream(0, StreamKind::Batch, 9)).unwrap();
    let unreadable = Rows { unreadable: Some(batch[0].to_bits()), ..task };
    let error =
        run(&unreadable, 2, &config(), &runs.run("a")).err().expect("a batch cannot be read");
    assert!(error.to_string().contains("this one"), "{error}");
}
