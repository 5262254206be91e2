//! The trait that a model implements to be trained.

use burn::module::AutodiffModule;
use burn::store::ModuleSnapshot;
use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use rand_chacha::ChaCha8Rng;

use crate::ModelError;

/// The loss of a micro-batch.
pub struct Loss<B: AutodiffBackend, A> {
    /// The loss to minimise, `[1]`.
    pub value: Tensor<B, 1>,
    /// Values for the log by name, each `[1]`.
    pub metrics: Vec<(&'static str, Tensor<B::InnerBackend, 1>)>,
    /// Data for [`Task::logged`] and [`Task::after_step`].
    pub aux: A,
}

/// The training task of a model.
pub trait Task<B: AutodiffBackend>: Sync {
    /// The model.
    type Model: AutodiffModule<B> + ModuleSnapshot<B>;
    /// The data of a micro-batch; another thread reads it.
    type Batch: Send;
    /// Data that the loss passes to [`Task::logged`] and [`Task::after_step`].
    type Aux;

    /// A model with random initial weights.
    fn init(&self, device: &B::Device) -> Self::Model;

    /// Reads the data of a micro-batch.
    ///
    /// Micro-batches are numbered from the first training step on. The number `index` alone decides
    /// which windows are read. All random draws come from `rng`.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn batch(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<Self::Batch, ModelError>;

    /// Computes the loss of a micro-batch.
    fn loss(
        &self,
        model: &Self::Model,
        batch: Self::Batch,
        rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux>;

    /// Values for the log that need a copy from the device; called only for logged steps.
    ///
    /// # Errors
    /// If the device has failed.
    fn logged(&self, _aux: &Self::Aux) -> Result<Vec<(&'static str, f32)>, ModelError> {
        Ok(Vec::new())
    }

    /// Changes the model after a training step without a gradient: running means, unused codes.
    ///
    /// # Errors
    /// If the device has failed.
    fn after_step(
        &self,
        model: Self::Model,
        _aux: Self::Aux,
        _step: usize,
        _rng: &mut ChaCha8Rng,
    ) -> Result<Self::Model, ModelError> {
        Ok(model)
    }
}
