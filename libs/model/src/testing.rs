//! What the tests of this crate share.
//!
//! Small videos, directories for runs, a short training loop, comparison by frame, generated
//! networks.

mod fixture;
mod made_up;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};

use burn::backend::flex::FlexDevice;
use burn::backend::{Autodiff, Flex};
use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use camino::{Utf8Path, Utf8PathBuf};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::{SourceError, Video};
use crate::estimate::Estimate;
use crate::train::{Loss, StepReport, Task, TrainConfig, TrainingObserver, train};
use crate::{ModelError, weights};

pub use fixture::Fixture;
pub use made_up::{made_up_bytes, reference, reference_json, uniform, write_safetensors};

/// The backend that models train on in tests.
pub type Ad = Autodiff<Flex>;

/// A random number generator with a seed.
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Random bytes.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = rng(seed);
    (0..len).map(|_| rng.random()).collect()
}

/// A module with initial weights that depend only on the seed.
///
/// Burn has one random stream per process, and it initialises a parameter when it is first read.
/// Tests that run at the same time would otherwise share the stream.
pub fn seeded<B: Backend, M: Module<B>>(seed: u64, init: impl FnOnce() -> M) -> M {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    Flex::seed(&FlexDevice, seed);
    let module = init();
    weights::draw(&module);
    module
}

/// Clips in memory.
pub struct Clips {
    pub size: (usize, usize),
    pub clips: Vec<Vec<u8>>,
}

impl Clips {
    /// Random clips with the given numbers of frames.
    pub fn noise(size: (usize, usize), frames: &[usize]) -> Self {
        let clip = |(i, frames): (usize, &usize)| noise(frames * size.0 * size.1 * 3, i as u64);
        Self { size, clips: frames.iter().enumerate().map(clip).collect() }
    }
}

impl Video for Clips {
    fn clips(&self) -> usize {
        self.clips.len()
    }

    fn frames(&self, clip: usize) -> usize {
        self.clips[clip].len() / (self.size.0 * self.size.1 * 3)
    }

    fn size(&self) -> (usize, usize) {
        self.size
    }

    fn read(
        &self,
        clip: usize,
        first: usize,
        len: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), SourceError> {
        let frame = self.size.0 * self.size.1 * 3;
        to.extend_from_slice(&self.clips[clip][first * frame..(first + len) * frame]);
        Ok(())
    }
}

/// A clip of a bright square that moves over a dark ground, and the motion of each step.
///
/// The square is half as wide as the frame. At every step it moves by one of `motions` (rows,
/// columns), and it comes back at the opposite side.
pub fn moving_square(
    side: usize,
    frames: usize,
    motions: &[(usize, usize)],
    seed: u64,
) -> (Vec<u8>, Vec<usize>) {
    let mut rng = rng(seed);
    let (mut y, mut x) = (rng.random_range(0..side), rng.random_range(0..side));
    let (mut bytes, mut steps) = (vec![30; frames * side * side * 3], Vec::new());
    for frame in 0..frames {
        for (dy, dx) in (0..side / 2).flat_map(|dy| (0..side / 2).map(move |dx| (dy, dx))) {
            let pixel = (frame * side + (y + dy) % side) * side + (x + dx) % side;
            bytes[pixel * 3..][..3].copy_from_slice(&[230, 200, 60]);
        }
        if frame + 1 < frames {
            let motion = rng.random_range(0..motions.len());
            (y, x) = ((y + motions[motion].0) % side, (x + motions[motion].1) % side);
            steps.push(motion);
        }
    }
    (bytes, steps)
}

/// An observer that stops the run after `after` steps.
#[derive(Default)]
pub struct Quiet {
    pub after: Option<usize>,
    pub reports: Vec<StepReport>,
}

impl Quiet {
    /// Stops the run after `steps` more steps.
    pub fn stopping_after(steps: usize) -> Self {
        Self { after: Some(steps), reports: Vec::new() }
    }
}

impl TrainingObserver for Quiet {
    fn report(&mut self, report: &StepReport) {
        self.reports.push(report.clone());
    }

    fn should_stop(&mut self) -> bool {
        match &mut self.after {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

/// A directory for runs. Dropping it removes the directory.
pub struct Runs(tempfile::TempDir);

impl Runs {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn run(&self, name: &str) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.0.path().join(name)).unwrap()
    }
}

/// A task that keeps the model after its last step.
pub struct Spy<'a, T, M> {
    pub task: &'a T,
    pub last: Mutex<Option<M>>,
}

impl<'a, T: Task<Ad>> Spy<'a, T, T::Model> {
    pub fn on(task: &'a T) -> Self {
        Self { task, last: Mutex::new(None) }
    }

    /// Trains the task in directory `run` to its end, and returns the model after the last step.
    pub fn train<C>(&self, config: &TrainConfig, description: &C, run: &Utf8Path) -> T::Model
    where
        C: Serialize + DeserializeOwned + Sync,
        <T::Model as AutodiffModule<Ad>>::InnerModule: ModuleSnapshot<Flex>,
    {
        train::<Ad, _>(
            self,
            config,
            description,
            &Estimate::default(),
            run,
            &[FlexDevice],
            &mut Quiet::default(),
        )
        .unwrap();
        self.last.lock().unwrap().clone().expect("the run has at least one step")
    }
}

impl<T: Task<Ad>> Task<Ad> for Spy<'_, T, T::Model> {
    type Model = T::Model;
    type Batch = T::Batch;
    type Aux = T::Aux;

    fn init(&self, device: &FlexDevice) -> T::Model {
        self.task.init(device)
    }

    fn batch(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<T::Batch, ModelError> {
        self.task.batch(index, rng)
    }

    fn loss(
        &self,
        model: &T::Model,
        batch: T::Batch,
        rng: &mut ChaCha8Rng,
        device: &FlexDevice,
    ) -> Loss<Ad, T::Aux> {
        self.task.loss(model, batch, rng, device)
    }

    fn after_step(
        &self,
        model: T::Model,
        aux: T::Aux,
        step: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<T::Model, ModelError> {
        let model = self.task.after_step(model, aux, step, rng)?;
        *self.last.lock().unwrap() = Some(model.clone());
        Ok(model)
    }
}

/// A task's named values at one step, including its loss.
pub type Values = BTreeMap<&'static str, f32>;

fn values<A>(loss: &Loss<Ad, A>) -> Values {
    let all = loss.metrics.iter().map(|(name, value)| (*name, value.clone().into_scalar()));
    all.chain([("loss", loss.value.clone().inner().into_scalar())]).collect()
}

/// Trains a model for some steps at a constant rate, and returns it with the last step's values.
pub fn fit<T: Task<Ad>>(
    task: &T,
    mut model: T::Model,
    steps: usize,
    lr: f64,
    mut batch: impl FnMut() -> T::Batch,
) -> (T::Model, Values) {
    let mut optimizer =
        AdamWConfig::new().with_beta_2(0.95).with_epsilon(1e-8).with_weight_decay(0.0).init();
    let mut last = Values::new();
    for step in 0..steps {
        let loss = task.loss(&model, batch(), &mut rng(step as u64), &FlexDevice);
        last = values(&loss);
        let grads = GradientsParams::from_grads(
            crate::train::with_autodiff_lock(|| loss.value.backward()),
            &model,
        );
        model = optimizer.step(lr, model, grads);
        model = task.after_step(model, loss.aux, step + 1, &mut rng(step as u64)).unwrap();
    }
    (model, last)
}

/// A task's values on one batch.
pub fn measure<T: Task<Ad>>(task: &T, model: &T::Model, batch: T::Batch) -> Values {
    values(&task.loss(model, batch, &mut rng(0), &FlexDevice))
}

/// The paths of the parameters that a step's gradient does not reach.
///
/// Their largest gradient is at most a millionth of the largest of all gradients.
pub fn dead_parameters<T: Task<Ad>>(task: &T, model: &T::Model, batch: T::Batch) -> Vec<String> {
    struct Largest {
        grads: GradientsParams,
        path: Vec<String>,
        found: Vec<(String, f32)>,
    }
    impl ModuleVisitor<Ad> for Largest {
        fn enter_module(&mut self, name: &str, _container: &str) {
            self.path.push(name.to_owned());
        }

        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
            let grad = self.grads.get::<Flex, D>(param.id);
            self.found.push((
                self.path.join("."),
                grad.map_or(0.0, |grad| grad.abs().max().into_scalar()),
            ));
        }
    }
    let loss = task.loss(model, batch, &mut rng(0), &FlexDevice).value;
    let grads =
        GradientsParams::from_grads(crate::train::with_autodiff_lock(|| loss.backward()), model);
    let mut visitor = Largest { grads, path: Vec::new(), found: Vec::new() };
    model.visit(&mut visitor);
    let top = visitor.found.iter().fold(0f32, |top, (_, grad)| top.max(*grad));
    assert!(top > 0.0 && top.is_finite(), "no gradient at all: {top}");
    visitor
        .found
        .into_iter()
        .filter(|(_, grad)| *grad <= 1e-6 * top)
        .map(|(path, _)| path)
        .collect()
}

/// Values `[batch, time, ..]` by frame. Floats are returned as bits, so that comparison is exact.
pub fn by_frame<const D: usize>(values: Tensor<Flex, D>, b: usize, t: usize) -> Vec<Vec<u32>> {
    let values: Vec<f32> = values.into_data().to_vec().unwrap();
    frames_of(&values.into_iter().map(f32::to_bits).collect::<Vec<_>>(), b, t)
}

/// Values `[batch, time, ..]` by frame, with the whole batch of a frame together.
pub fn frames_of<V: Copy>(values: &[V], b: usize, t: usize) -> Vec<Vec<V>> {
    let n = values.len() / (b * t);
    assert_eq!(values.len(), b * t * n);
    (0..t)
        .map(|frame| (0..b).flat_map(|i| values[(i * t + frame) * n..][..n].to_vec()).collect())
        .collect()
}

/// Asserts that the frames before `first` are equal bit by bit.
pub fn assert_same_before<V: PartialEq + Debug>(
    first: usize,
    before: &[Vec<V>],
    after: &[Vec<V>],
    what: &str,
) {
    assert_eq!(before.len(), after.len(), "{what}");
    let differing: Vec<usize> =
        (0..first).filter(|frame| before[*frame] != after[*frame]).collect();
    assert!(
        differing.is_empty(),
        "{what}: frames {differing:?} differ; {first} should be the first"
    );
}

/// Asserts that frame `first` differs and that the frames before it are equal bit by bit.
pub fn assert_differs_from<V: PartialEq + Debug>(
    first: usize,
    before: &[Vec<V>],
    after: &[Vec<V>],
    what: &str,
) {
    assert_eq!(before.len(), after.len(), "{what}");
    let differing: Vec<usize> =
        (0..before.len()).filter(|frame| before[*frame] != after[*frame]).collect();
    assert_eq!(
        differing.first(),
        Some(&first),
        "{what}: frames {differing:?} differ; {first} should be the first"
    );
}
