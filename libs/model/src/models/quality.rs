//! The quality network: it learns from labels of people which clips are worth training on.
//!
//! Genie's dataset was filtered by such a classifier [Genie, appendix B.1]. The network sees eight
//! pairs of small frames, how they change, and the scores of the catalog. It gives the probability
//! that people call the clip good.
//!
//! Guarantee: the quality of a clip depends on this clip and the weights alone. Clips are judged
//! one at a time, because sums over other batches can differ in their last bit.

mod areas;
mod config;
mod cost;
mod flaws;
mod input;
mod network;
mod pixels;
mod scale;
mod task;

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use camino::Utf8Path;

pub use config::{QualityConfig, QualityDescription, SyntheticConfig};
use cost::estimate_quality;
pub use input::{QualityExamples, QualityInput};
use network::QualityNet;
use pixels::{Augmentation, pixels};
pub use scale::ScoreScale;
use task::QualityTask;

use crate::device::Device;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::host;
use crate::kernels::Kernels;
use crate::models::lifecycle::{self, Description, Loaded};
use crate::train::{Outcome, TrainConfig, TrainingObserver};

/// Trains a network in the directory `run`, or resumes its training there.
///
/// # Errors
/// If the clips have no labels or other scores, or training fails. Checkpoints in `run` stay.
pub fn train_quality(
    config: &QualityConfig,
    data: &QualityExamples,
    run: &Utf8Path,
    device: &Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let description =
        QualityDescription { config: config.clone(), scale: ScoreScale::of(&data.clips) };
    lifecycle::train(&description, data, run, *device, observer)
}

impl Description for QualityDescription {
    type Net<B: Kernels> = QualityNet<B>;
    type Data<'a> = &'a QualityExamples;
    type Task<'a, B>
        = QualityTask<'a>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    type Operations = dyn ClipJudge;

    fn check(&self) -> Result<(), ModelError> {
        self.config.check()
    }

    fn train_config(&self) -> &TrainConfig {
        &self.config.train
    }

    fn cost(&self) -> Result<Estimate, ModelError> {
        Ok(estimate_quality(self))
    }

    fn net<B: Kernels>(&self, device: &B::Device) -> QualityNet<B> {
        QualityNet::new(self, device)
    }

    fn task<'a, B>(&'a self, data: &'a QualityExamples) -> Result<QualityTask<'a>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels,
    {
        QualityTask::new(self, data)
    }

    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<dyn ClipJudge> {
        Box::new(loaded)
    }
}

/// The operation of a quality network on some backend.
pub trait ClipJudge: Send {
    fn probability(&self, clip: &QualityInput) -> Result<f32, ModelError>;
}

impl<B: Kernels> ClipJudge for Loaded<B, QualityDescription> {
    fn probability(&self, clip: &QualityInput) -> Result<f32, ModelError> {
        let scale = &self.description.scale;
        let scores: Vec<f32> = scale.apply(&clip.scores).collect();
        let scores = TensorData::new(scores, [1, scale.width()]);
        let pixels = pixels(std::iter::once((clip, Augmentation::PLAIN)), &self.device);
        let scores: Tensor<B, 2> = Tensor::from_data(scores, &self.device);
        let found = host::floats(self.net.log_probabilities(pixels, scores, None))?;
        Ok(found.last().map_or(f32::NAN, |log| log.exp()))
    }
}

/// A trained quality network.
pub struct QualityModel {
    description: QualityDescription,
    judge: Box<dyn ClipJudge>,
}

impl QualityModel {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// # Errors
    /// If there is no complete checkpoint, or it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        let (description, judge) = lifecycle::load(run, *device)?;
        Ok(Self { description, judge })
    }

    /// The probability that people call a clip good, from 0 to 1.
    ///
    /// # Errors
    /// If the clip has another number of scores than those of the training, or the device fails.
    pub fn quality(&self, clip: &QualityInput) -> Result<f32, ModelError> {
        let (found, width) = (clip.scores.len(), self.description.scale.width());
        if found != width {
            return Err(ModelError::Data(format!(
                "a clip has {found} scores, but the quality network was trained with {width}: \
                 train another one with `genie-train quality fit`"
            )));
        }
        let quality = self.judge.probability(clip)?;
        if quality.is_finite() {
            Ok(quality.clamp(0.0, 1.0))
        } else {
            Err(ModelError::NotFinite("the quality of a clip"))
        }
    }
}

#[cfg(test)]
mod tests;
