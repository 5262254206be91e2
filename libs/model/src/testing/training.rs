//! Short training runs, and measurements on them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use burn::backend::Flex;
use burn::backend::flex::FlexDevice;
use burn::module::{AutodiffModule, Module, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams, Optimizer};
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use camino::{Utf8Path, Utf8PathBuf};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::random::{Ad, rng};
use crate::Precision;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::recompute::{Recompute, Tape};
use crate::train::{
    GradientSums, Loss, StepReport, Task, TrainConfig, TrainingObserver, Transfers, replica, train,
    with_autodiff_lock,
};

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
pub type StepValues = BTreeMap<&'static str, f32>;

fn values<A>(loss: &Loss<Ad, A>) -> StepValues {
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
) -> (T::Model, StepValues) {
    let mut optimizer =
        AdamWConfig::new().with_beta_2(0.95).with_epsilon(1e-8).with_weight_decay(0.0).init();
    let mut last = StepValues::new();
    for step in 0..steps {
        let loss = task.loss(&model, batch(), &mut rng(step as u64), &FlexDevice);
        last = values(&loss);
        let grads =
            GradientsParams::from_grads(with_autodiff_lock(|| loss.value.backward()), &model);
        model = optimizer.step(lr, model, grads);
        model = task.after_step(model, loss.aux, step + 1, &mut rng(step as u64)).unwrap();
    }
    (model, last)
}

/// A task's values on one batch.
pub fn measure<T: Task<Ad>>(task: &T, model: &T::Model, batch: T::Batch) -> StepValues {
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
    let grads = GradientsParams::from_grads(with_autodiff_lock(|| loss.backward()), model);
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

/// Asserts that recompute changes no bit of a task's loss and gradients, in each precision.
///
/// It computes them four times, since autodiff treats weights without an earlier backward pass
/// differently.
pub fn assert_recompute_changes_nothing<T: Task<Ad>>(
    name: &str,
    task: &T,
    model: &T::Model,
    batch: impl Fn() -> T::Batch,
) {
    struct Bits(GradientsParams, Vec<Option<Vec<u32>>>);
    impl ModuleVisitor<Ad> for Bits {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<Ad, D>>) {
            let bits = |grad: Tensor<Flex, D>| {
                grad.into_data().iter::<f32>().map(f32::to_bits).collect::<Vec<_>>()
            };
            self.1.push(self.0.get::<Flex, D>(param.id).map(bits));
        }
    }
    for precision in [Precision::F32, Precision::Bf16] {
        let run = |recompute: bool| {
            let (mut sums, mut parts) = (GradientSums::new(), 0);
            let value = with_autodiff_lock(|| {
                let replica = replica(model, &FlexDevice, precision, &Arc::new(Transfers::new()));
                let made_when_read = matches!(replica, Cow::Owned(_));
                let again =
                    recompute.then(|| Recompute { on_event: Rc::new(|_| ()), made_when_read });
                let (loss, tape) = Tape::<Ad>::record(again, || {
                    task.loss(&replica, batch(), &mut rng(0), &FlexDevice).value
                });
                let value: f32 = loss.clone().into_scalar();
                tape.backward(&loss, &*replica, |grads| {
                    parts += 1;
                    sums.add(grads);
                });
                value
            });
            let mut bits = Bits(sums.of_model(model), Vec::new());
            model.visit(&mut bits);
            assert_eq!(parts > 1, recompute, "{name}: {parts} parts of the backward pass");
            (value.to_bits(), bits.1)
        };
        let runs = [false, true, true, false].map(run);
        for (index, (loss, grads)) in runs.iter().enumerate() {
            let place = format!("{name}, {precision:?}, run {index}");
            assert_eq!(*loss, runs[0].0, "{place}: another loss");
            for (parameter, (grad, expected)) in grads.iter().zip(&runs[0].1).enumerate() {
                assert!(grad == expected, "{place}: another gradient of parameter {parameter}");
            }
        }
        assert!(runs[0].1.iter().flatten().count() > 10, "{name}: no gradients");
    }
}
