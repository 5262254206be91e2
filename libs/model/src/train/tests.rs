//! Tests of the whole training loop with the crate's own models: resume, divergence, damage.

mod checkpoints;
mod devices;
mod memory;
mod parity;
mod precision;
mod toy;

use std::fs;
use std::sync::Arc;

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use camino::Utf8Path;

use super::{OptimizerKind, Outcome, TrainConfig, TrainingObserver, latest_step};
use crate::layers::Grid;
use crate::testing::{Ad, Clips, Quiet, Runs, noise, seeded};
use crate::{
    Device, DynamicsConfig, LamConfig, ModelError, QuantizerConfig, QuantizerKind, StackConfig,
    TokenWindows, TokenizerConfig, Video, train_dynamics, train_lam, train_tokenizer,
};

fn stack(temporal: bool) -> StackConfig {
    StackConfig { layers: 1, d: 16, heads: 2, head_dim: 0, ffn_mult: 2, qk_norm: false, temporal }
}

fn tokenizer_config(train: &TrainConfig) -> TokenizerConfig {
    TokenizerConfig {
        frames: 3,
        encoder: stack(true),
        decoder: stack(true),
        // More codes than tokens in a batch, so that some are unused and re-seeded.
        quantizer: QuantizerConfig { codes: 64, latent: 4, ..Default::default() },
        train: train.clone(),
        ..Default::default()
    }
}

fn tokenizer(
    train: &TrainConfig,
    run: &Utf8Path,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    train_tokenizer(
        &tokenizer_config(train),
        &Clips::noise((8, 8), &[5, 9]),
        run,
        &Device::Cpu,
        observer,
    )
}

fn lam(
    train: &TrainConfig,
    run: &Utf8Path,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let config = LamConfig {
        encoder: stack(false),
        decoder: stack(false),
        train: train.clone(),
        ..Default::default()
    };
    assert!(config.quantizer.centre && config.quantizer.kind == QuantizerKind::Fsq);
    train_lam(&config, &Clips::noise((8, 8), &[5, 9]), run, &Device::Cpu, observer)
}

fn dynamics(
    train: &TrainConfig,
    run: &Utf8Path,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let config = DynamicsConfig {
        stack: StackConfig { qk_norm: true, ..stack(true) },
        // The model with most state: two optimizers, a moving average, micro-batches.
        train: TrainConfig {
            optimizer: OptimizerKind::Muon,
            ema: 0.9,
            accumulate: 2,
            ..train.clone()
        },
        ..Default::default()
    };
    let small = |len, bound| noise(len, 1).into_iter().map(move |byte| byte % bound);
    let data = TokenWindows {
        frames: 4,
        positions: 6,
        columns: 3,
        tokens: small(5 * 4 * 6, 32).map(u16::from).collect(),
        actions: small(5 * 3, 4).collect(),
    };
    train_dynamics(&config, Arc::new(data), 32, 4, run, &Device::Cpu, observer)
}

type Train = fn(&TrainConfig, &Utf8Path, &mut dyn TrainingObserver) -> Result<Outcome, ModelError>;
const MODELS: [(&str, Train); 3] = [("tokenizer", tokenizer), ("lam", lam), ("dynamics", dynamics)];

fn steps(steps: usize) -> TrainConfig {
    TrainConfig {
        steps,
        batch: 2,
        warmup: 5,
        log_every: 5,
        checkpoint_every: 1000,
        ..Default::default()
    }
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn weights(run: &Utf8Path) -> Vec<u8> {
    fs::read(run.join(format!("step-{}", latest_step(run).unwrap())).join("model.safetensors"))
        .unwrap()
}

fn logged(run: &Utf8Path) -> Vec<(u64, f64)> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.map(|line| (line["step"].as_u64().unwrap(), line["loss"].as_f64().unwrap())).collect()
}

fn in_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// Catches: a resume loses the optimizer's moments, a running mean or the place in the schedule,
/// repeats or skips batches, draws other random numbers, or restarts an epoch.
///
/// There are only a few windows, and the run stops in the middle and at the end of an epoch. All is
/// equal to the last bit, with any number of threads.
#[test]
fn a_run_that_was_stopped_equals_one_that_was_not() {
    for (name, train) in MODELS {
        // More than the 20 steps after which unused codes are re-seeded.
        let (config, runs) = (steps(50), Runs::new());
        // All resume from one first step, since other tests draw from the same random stream of
        // initial weights.
        let first = runs.run("first");
        assert_eq!(
            train(&config, &first, &mut Quiet::stopping_after(1)).unwrap(),
            Outcome::Stopped(1)
        );
        let (whole, parts, alone) = (runs.run("whole"), runs.run("parts"), runs.run("alone"));
        for run in [&whole, &parts, &alone] {
            copy(&first, run);
        }
        assert_eq!(train(&config, &whole, &mut Quiet::default()).unwrap(), Outcome::Finished);
        for (stop, at) in [(16, 17), (8, 25)] {
            assert_eq!(
                train(&config, &parts, &mut Quiet::stopping_after(stop)).unwrap(),
                Outcome::Stopped(at)
            );
        }
        in_threads(3, || {
            assert_eq!(train(&config, &parts, &mut Quiet::default()).unwrap(), Outcome::Finished);
        });
        in_threads(1, || {
            assert_eq!(train(&config, &alone, &mut Quiet::default()).unwrap(), Outcome::Finished);
        });

        assert_eq!(latest_step(&whole), Some(50));
        assert!(weights(&whole) != weights(&first), "{name} did not train");
        assert!(weights(&whole) == weights(&alone), "{name}: one thread has another result");
        assert!(weights(&whole) == weights(&parts), "{name}: the resumed run has another result");
        assert_eq!(logged(&whole), logged(&parts), "{name}: the log has each step once");
        // A finished run has nothing to do.
        assert_eq!(
            train(&config, &whole, &mut Quiet::stopping_after(0)).unwrap(),
            Outcome::Finished
        );
    }
}

/// The bytes of the tensors of a file of weights, without the model's description.
fn tensors(run: &Utf8Path) -> Vec<u8> {
    let bytes = weights(run);
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

/// Catches: recompute changes a gradient, a moving average or a random draw; a run cannot be
/// resumed with recompute, or without it.
#[test]
fn recompute_changes_no_weight() {
    for (name, train) in MODELS {
        let (config, runs) = (steps(30), Runs::new());
        let again = TrainConfig { recompute: true, ..config.clone() };
        let first = runs.run("first");
        train(&config, &first, &mut Quiet::stopping_after(1)).unwrap();
        let (plain, mixed) = (runs.run("plain"), runs.run("mixed"));
        for run in [&plain, &mixed] {
            copy(&first, run);
        }
        train(&config, &plain, &mut Quiet::default()).unwrap();
        train(&again, &mixed, &mut Quiet::stopping_after(10)).unwrap();
        train(&config, &mixed, &mut Quiet::stopping_after(5)).unwrap();
        train(&again, &mixed, &mut Quiet::default()).unwrap();
        assert_eq!(logged(&plain), logged(&mixed), "{name}: other losses");
        assert!(tensors(&plain) == tensors(&mixed), "{name}: other weights");
    }
}

/// Catches: the sums of a kernel depend on the number of threads, so that resume is not exact on
/// another machine.
///
/// At this size, kernels and matrix products are split among threads. (Burn sums whole tensors of
/// 4M values and more in an order that is not fixed.)
#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let grid = Grid { b: 8, t: 16, s: 16 };
    let config = StackConfig {
        layers: 1,
        d: 64,
        heads: 4,
        head_dim: 0,
        ffn_mult: 4,
        qk_norm: true,
        temporal: true,
    };
    let stack = seeded(1, || config.init::<Ad>(&FlexDevice));
    let values: Vec<f32> =
        noise(grid.rows() * 64, 1).into_iter().map(|byte| f32::from(byte) / 128.0 - 1.0).collect();
    let gradient = || {
        let x = Tensor::<Ad, 1>::from_floats(values.as_slice(), &FlexDevice)
            .reshape([grid.rows(), 64])
            .require_grad();
        let y = stack.forward(x.clone(), grid);
        let grads =
            crate::train::with_autodiff_lock(|| (y.clone() * y * x.clone()).sum().backward());
        let weights = GradientsParams::from_grads(grads, &stack);
        let mut all = Gradients { grads: weights, values: Vec::new() };
        stack.visit(&mut all);
        all.values
    };
    let one = in_threads(1, gradient);
    assert!(one.len() > 40_000);
    for threads in [2, 3] {
        assert!(in_threads(threads, gradient) == one, "{threads} threads");
    }
}

struct Gradients {
    grads: GradientsParams,
    values: Vec<u32>,
}

impl ModuleVisitor<Ad> for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
        let grad: Vec<f32> =
            self.grads.get::<Flex, D>(param.id).unwrap().into_data().to_vec().unwrap();
        self.values.extend(grad.into_iter().map(f32::to_bits));
    }
}

/// Catches: the log has two lines for a training step that is computed again after a kill.
#[test]
fn the_log_of_a_killed_run_resumes_from_its_checkpoint() {
    let (config, runs) =
        (TrainConfig { log_every: 1, checkpoint_every: 4, ..steps(6) }, Runs::new());
    let run = runs.run("a");
    dynamics(&config, &run, &mut Quiet::default()).unwrap();
    let whole = logged(&run);
    // As if a kill had come after step 4, while a line was written.
    fs::remove_dir_all(run.join("step-6")).unwrap();
    let mut text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.truncate(text.len() - 10);
    fs::write(run.join("metrics.jsonl"), text).unwrap();
    dynamics(&config, &run, &mut Quiet::default()).unwrap();
    assert_eq!(logged(&run), whole);
    assert_eq!(whole.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

/// Catches: a run continues with a loss that is not finite, or replaces good checkpoints by bad
/// ones.
#[test]
fn divergence_stops_the_run_and_keeps_the_last_good_checkpoint() {
    for (name, train) in MODELS {
        let runs = Runs::new();
        let run = runs.run("a");
        let config = TrainConfig { log_every: 1, checkpoint_every: 5, warmup: 1, ..steps(10) };
        train(&config, &run, &mut Quiet::stopping_after(5)).unwrap();
        let good = weights(&run);
        let wild = TrainConfig { lr: 1e30, ..config.clone() };
        let error = train(&wild, &run, &mut Quiet::default()).unwrap_err();
        assert!(matches!(error, ModelError::Diverged { step: 6..=8, .. }), "{name}: {error}");
        assert_eq!(latest_step(&run), Some(5), "{name}");
        assert!(weights(&run) == good, "{name}");

        // The same without logged steps in between: weights that are not finite are not saved.
        let unlogged = TrainConfig { log_every: 1000, checkpoint_every: 1, keep: 2, ..wild };
        let error = train(&unlogged, &run, &mut Quiet::default()).unwrap_err();
        assert!(matches!(error, ModelError::Diverged { step: 6..=8, .. }), "{name}: {error}");
        let values: Vec<u8> = weights(&run);
        let header = u64::from_le_bytes(values[..8].try_into().unwrap()) as usize;
        let finite = values[8 + header..]
            .chunks_exact(4)
            .all(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()).is_finite());
        assert!(finite, "{name}: a checkpoint has values that are not finite");
        // Nor are they saved at a stop.
        let (latest, stopped) =
            (latest_step(&run), TrainConfig { checkpoint_every: 1000, ..unlogged });
        assert!(train(&stopped, &run, &mut Quiet::stopping_after(2)).is_err(), "{name}");
        assert_eq!(latest_step(&run), latest, "{name}");
    }
}

/// Catches: the error of a reading thread is lost, so training hangs or continues with half a
/// batch.
#[test]
fn an_unreadable_clip_ends_the_run_with_its_error() {
    struct Unreadable(Clips);
    impl Video for Unreadable {
        fn clips(&self) -> usize {
            self.0.clips()
        }
        fn frames(&self, clip: usize) -> usize {
            self.0.frames(clip)
        }
        fn size(&self) -> (usize, usize) {
            self.0.size()
        }
        fn read(
            &self,
            clip: usize,
            first: usize,
            len: usize,
            to: &mut Vec<u8>,
        ) -> Result<(), crate::SourceError> {
            if clip == 1 { Err("clip 1 is gone".into()) } else { self.0.read(clip, first, len, to) }
        }
    }
    let (runs, video) = (Runs::new(), Unreadable(Clips::noise((8, 8), &[5, 5])));
    let result = train_tokenizer(
        &tokenizer_config(&steps(500)),
        &video,
        &runs.run("a"),
        &Device::Cpu,
        &mut Quiet::default(),
    );
    let error = result.unwrap_err();
    assert!(
        matches!(&error, ModelError::Source(source) if source.to_string() == "clip 1 is gone"),
        "{error}"
    );
}
