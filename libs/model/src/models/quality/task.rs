//! The training task of a quality network.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::QualityDescription;
use super::input::QualityExamples;
use super::network::{POOLS, QualityNet};
use super::pixels::{Augmentation, pixels};
use crate::data::TrainingWindows;
use crate::error::ModelError;
use crate::kernels::Kernels;
use crate::layers::indices;
use crate::train::{Loss, Task};

/// Share of the features of a clip that a training step does not see.
const DROPOUT: f64 = 0.3;
/// Largest change of a score in training, in standard deviations.
const SCORE_NOISE: f32 = 0.5;

/// Trains the network to tell good clips from bad ones: the mean of their cross-entropies.
pub struct QualityTask<'a> {
    description: &'a QualityDescription,
    data: &'a QualityExamples,
    order: TrainingWindows<'a>,
}

impl<'a> QualityTask<'a> {
    /// Fails if there are no clips, or if a clip has no label or other scores.
    pub fn new(
        description: &'a QualityDescription,
        data: &'a QualityExamples,
    ) -> Result<Self, ModelError> {
        let width = description.scale.width();
        let fits = data.clips.iter().all(|clip| clip.scores.len() == width);
        if data.good.len() != data.clips.len() || !fits {
            return Err(ModelError::Data(format!(
                "{} labels do not fit {} clips with {width} scores",
                data.good.len(),
                data.clips.len()
            )));
        }
        let seed = description.config.train.seed;
        let order = TrainingWindows::new(data, QualityExamples::WINDOW, seed)?;
        Ok(Self { description, data, order })
    }
}

/// The numbers of the clips of a micro-batch, and how they are shown.
pub type DrawnClips = Vec<(usize, Augmentation)>;

impl<B: AutodiffBackend + Kernels> Task<B> for QualityTask<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = QualityNet<B>;
    type Batch = DrawnClips;
    type Aux = ();

    fn init(&self, device: &B::Device) -> QualityNet<B> {
        QualityNet::new(self.description, device)
    }

    fn batch(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<DrawnClips, ModelError> {
        let places = self.order.places(index, self.description.config.train.micro_batch());
        Ok(places.into_iter().map(|(clip, _)| (clip, Augmentation::random(rng))).collect())
    }

    fn loss(
        &self,
        net: &QualityNet<B>,
        batch: DrawnClips,
        rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, ()> {
        let QualityDescription { config, scale } = self.description;
        let clips = || batch.iter().map(|(clip, view)| (&self.data.clips[*clip], *view));
        let scores = clips().flat_map(|(clip, _)| scale.apply(&clip.scores));
        let noisy = |score| score + rng.random_range(-SCORE_NOISE..=SCORE_NOISE);
        let scores: Vec<f32> = scores.map(noisy).collect();
        let scores = TensorData::new(scores, [batch.len(), scale.width()]);
        let features = POOLS * config.convolutions.width() + scale.width();
        let kept = 1.0 / (1.0 - DROPOUT) as f32;
        let factor = |_| if rng.random_bool(DROPOUT) { 0.0 } else { kept };
        let dropout: Vec<f32> = (0..batch.len() * features).map(factor).collect();
        let dropout = TensorData::new(dropout, [batch.len(), features]);
        let predicted = net.log_probabilities(
            pixels(clips(), device),
            Tensor::from_data(scores, device),
            Some(Tensor::from_data(dropout, device)),
        );
        let labels = batch.iter().map(|(clip, _)| i64::from(self.data.good[*clip]));
        let labels = indices::<B>(labels, device).unsqueeze_dim::<2>(1);
        let surprise: Tensor<B, 2> = predicted.gather(1, labels).neg();
        Loss { value: surprise.mean(), metrics: Vec::new(), aux: () }
    }
}
