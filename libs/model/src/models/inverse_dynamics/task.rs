//! The training task of an inverse-dynamics network.

use burn::tensor::Tensor;
use burn::tensor::backend::AutodiffBackend;
use rand_chacha::ChaCha8Rng;

use super::config::{InverseDynamicsDescription, LAGS};
use super::network::InverseDynamicsNet;
use super::pixels::pixels;
use crate::data::{LabelledVideo, TrainingWindows};
use crate::error::ModelError;
use crate::kernels::Kernels;
use crate::layers::indices;
use crate::train::{Loss, Task};

/// Trains the network to read the actions at all lags: the mean of their cross-entropies.
pub struct InverseDynamicsTask<'a> {
    description: &'a InverseDynamicsDescription,
    data: LabelledVideo<'a>,
    /// Windows that begin at the earliest frame or label that a step needs.
    windows: TrainingWindows<'a>,
}

impl<'a> InverseDynamicsTask<'a> {
    /// Fails if no clip is long enough, or if the labels do not fit the clips.
    pub fn new(
        description: &'a InverseDynamicsDescription,
        data: LabelledVideo<'a>,
    ) -> Result<Self, ModelError> {
        let config = &description.config;
        let fits = |clip: usize| {
            let labels = &data.labels[clip];
            labels.len() == data.video.frames(clip)
                && labels.iter().all(|label| usize::from(*label) < config.classes)
        };
        if data.labels.len() != data.video.clips() || !(0..data.labels.len()).all(fits) {
            return Err(ModelError::Data(format!(
                "the true actions of {} clips do not fit {} clips and {} classes",
                data.labels.len(),
                data.video.clips(),
                config.classes
            )));
        }
        let frames = config.history() + 1 + config.seen.after;
        let windows = TrainingWindows::new(data.video, frames, config.train.seed)?;
        Ok(Self { description, data, windows })
    }
}

/// Frames and labels of a micro-batch.
pub struct LabelledSteps {
    /// Frames `[batch, seen, height, width, channels]`.
    frames: Vec<u8>,
    /// Labels `[batch, lag]`.
    labels: Vec<i64>,
}

impl<B: AutodiffBackend + Kernels> Task<B> for InverseDynamicsTask<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = InverseDynamicsNet<B>;
    type Batch = LabelledSteps;
    type Aux = ();

    fn init(&self, device: &B::Device) -> InverseDynamicsNet<B> {
        let InverseDynamicsDescription { config, size } = self.description;
        InverseDynamicsNet::new(config, size.channels, device)
    }

    fn batch(&self, index: usize, _rng: &mut ChaCha8Rng) -> Result<LabelledSteps, ModelError> {
        let InverseDynamicsDescription { config, size } = self.description;
        let (seen, count) = (config.seen, config.train.micro_batch());
        let mut frames = Vec::with_capacity(count * seen.count() * size.bytes());
        let mut labels = Vec::with_capacity(count * LAGS);
        for (clip, first) in self.windows.places(index, count) {
            let t = first + config.history();
            self.data
                .video
                .read(clip, t - seen.before, seen.count(), &mut frames)
                .map_err(ModelError::Source)?;
            labels.extend((0..LAGS).map(|lag| i64::from(self.data.labels[clip][t - lag])));
        }
        Ok(LabelledSteps { frames, labels })
    }

    fn loss(
        &self,
        net: &InverseDynamicsNet<B>,
        batch: LabelledSteps,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, ()> {
        let config = &self.description.config;
        let predicted = net.log_probabilities(pixels(self.description, &batch.frames, device));
        let predicted = predicted.reshape([batch.labels.len(), config.classes]);
        let labels = indices::<B>(batch.labels.into_iter(), device).unsqueeze_dim::<2>(1);
        let surprise: Tensor<B, 2> = predicted.gather(1, labels).neg();
        Loss { value: surprise.mean(), metrics: Vec::new(), aux: () }
    }
}
