//! Training and loading, once for all models.

use burn::backend::Autodiff;
use burn::module::Module;
use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::device::{Device, on_device, on_devices};
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::kernels::Kernels;
use crate::train::{self, Outcome, Task, TrainConfig, TrainingObserver};

/// The description of a model in its checkpoint: enough to check, build, train and load it.
pub trait Description: Serialize + DeserializeOwned + Sync + Sized {
    /// The network.
    type Net<B: Kernels>: Module<B>;
    /// The training data.
    type Data<'a>
    where
        Self: 'a;
    /// The training task.
    type Task<'a, B>: Task<B>
    where
        Self: 'a,
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    /// The operations of a loaded model: a trait object, which hides the backend.
    type Operations: ?Sized;

    /// Fails if no model can be built from the description.
    fn check(&self) -> Result<(), ModelError>;

    /// The options of the training run.
    fn train_config(&self) -> &TrainConfig;

    /// The cost of training the model.
    fn cost(&self) -> Result<Estimate, ModelError>;

    /// Builds the network with random weights.
    fn net<B: Kernels>(&self, device: &B::Device) -> Self::Net<B>;

    /// Builds the training task. It fails if the model cannot train on the data.
    fn task<'a, B>(&'a self, data: Self::Data<'a>) -> Result<Self::Task<'a, B>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;

    /// Hides the backend of a loaded model.
    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<Self::Operations>;
}

/// A network with trained weights on a device.
pub struct Loaded<B: Kernels, D: Description> {
    pub net: D::Net<B>,
    pub description: D,
    pub device: B::Device,
}

/// Trains a model in the directory `run`, or resumes its training there.
pub fn train<'a, D: Description>(
    description: &'a D,
    data: D::Data<'a>,
    run: &Utf8Path,
    device: Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    description.check()?;
    let cost = description.cost()?;
    on_devices!(device, |B, devices| {
        let task = description.task::<Autodiff<B>>(data)?;
        let config = description.train_config();
        train::train::<Autodiff<B>, _>(&task, config, description, &cost, run, &devices, observer)
    })
}

/// Loads the newest checkpoint of the directory `run`.
pub fn load<D: Description + Clone>(
    run: &Utf8Path,
    device: Device,
) -> Result<(D, Box<D::Operations>), ModelError> {
    on_device!(device, |B, device| {
        let (description, net) = train::load_model::<D, B, _>(run, |description: &D| {
            description.check()?;
            Ok(description.net::<B>(&device))
        })?;
        let loaded = Loaded::<B, D> { net, description: description.clone(), device };
        Ok((description, D::operations(loaded)))
    })
}
