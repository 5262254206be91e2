//! A supervised inverse-dynamics network: it reads the true action from frames.
//!
//! The evaluation uses it as a ceiling. The LAM must find the actions without labels. This network
//! learns from labels what the same frames say about them. It has one output for each lag, so one
//! training measures all lags.
//!
//! Guarantee: a prediction depends on the frames of [`InverseDynamicsConfig::seen`] only.

mod config;
mod cost;
mod network;
mod pixels;
mod task;

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;

pub use config::{InverseDynamicsConfig, InverseDynamicsDescription, LAGS};
use cost::estimate_inverse_dynamics;
use network::InverseDynamicsNet;
use pixels::pixels;
use task::InverseDynamicsTask;

use crate::data::{FrameSize, FramesSeen, LabelledVideo};
use crate::device::Device;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::host;
use crate::kernels::Kernels;
use crate::models::lifecycle::{self, Description, Loaded};
use crate::train::{Outcome, TrainConfig, TrainingObserver};

/// Trains a network in the directory `run`, or resumes its training there.
///
/// An error leaves the checkpoints that are already in `run` as they are.
pub fn train_inverse_dynamics(
    config: &InverseDynamicsConfig,
    data: LabelledVideo<'_>,
    run: &Utf8Path,
    device: &Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let (height, width) = data.video.size();
    let size = FrameSize { height, width, patch: 1, channels: data.video.channels() };
    let description = InverseDynamicsDescription { config: config.clone(), size };
    lifecycle::train(&description, data, run, *device, observer)
}

impl Description for InverseDynamicsDescription {
    type Net<B: Kernels> = InverseDynamicsNet<B>;
    type Data<'a> = LabelledVideo<'a>;
    type Task<'a, B>
        = InverseDynamicsTask<'a>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    type Operations = dyn ActionReader;

    fn check(&self) -> Result<(), ModelError> {
        self.config.check()?;
        self.size.check("inverse dynamics")
    }

    fn train_config(&self) -> &TrainConfig {
        &self.config.train
    }

    fn cost(&self) -> Result<Estimate, ModelError> {
        Ok(estimate_inverse_dynamics(self))
    }

    fn net<B: Kernels>(&self, device: &B::Device) -> InverseDynamicsNet<B> {
        InverseDynamicsNet::new(&self.config, self.size.channels, device)
    }

    fn task<'a, B>(&'a self, data: LabelledVideo<'a>) -> Result<InverseDynamicsTask<'a>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels,
    {
        InverseDynamicsTask::new(self, data)
    }

    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<dyn ActionReader> {
        Box::new(loaded)
    }
}

/// The operation of an inverse-dynamics network on some backend.
pub trait ActionReader: Send {
    fn log_probabilities(&self, frames: &[u8]) -> Result<Vec<f32>, ModelError>;
}

impl<B: Kernels> ActionReader for Loaded<B, InverseDynamicsDescription> {
    fn log_probabilities(&self, frames: &[u8]) -> Result<Vec<f32>, ModelError> {
        let pixels: Tensor<B, 4> = pixels(&self.description, frames, &self.device);
        host::floats(self.net.log_probabilities(pixels))
    }
}

/// A trained inverse-dynamics network.
pub struct InverseDynamics {
    description: InverseDynamicsDescription,
    reader: Box<dyn ActionReader>,
}

impl InverseDynamics {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// Fails if there is no complete checkpoint or if it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        let (description, reader) = lifecycle::load(run, *device)?;
        Ok(Self { description, reader })
    }

    /// Log-probabilities `[batch, lag, class]` of the true action, for steps of frames.
    ///
    /// `frames` are `[batch, seen, height, width, channels]`: the frames of
    /// [`InverseDynamicsConfig::seen`] around each step from `x_t` to `x_{t+1}`. Lag l is the
    /// action at t − l. Fails if the bytes are not whole windows of these frames.
    pub fn log_probabilities(&self, frames: &[u8]) -> Result<Vec<f32>, ModelError> {
        let InverseDynamicsDescription { config, size } = &self.description;
        size.windows(frames, config.seen.count())?;
        self.reader.log_probabilities(frames)
    }

    /// Frames that the network sees for a step.
    pub fn seen(&self) -> FramesSeen {
        self.description.config.seen
    }

    /// The number of classes of actions.
    pub fn classes(&self) -> usize {
        self.description.config.classes
    }
}

#[cfg(test)]
mod tests;
