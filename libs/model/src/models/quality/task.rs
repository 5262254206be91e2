//! The training task of a quality network.
//!
//! A good clip of a batch is also shown with a synthetic flaw, as a bad clip. So the network learns
//! flaws that no labelled clip may have. Labels weigh more, and both classes get the same weight.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::config::QualityDescription;
use super::flaws::SyntheticFlaw;
use super::input::{QualityExamples, QualityInput};
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
    /// The flaws that good clips get.
    flaws: Vec<SyntheticFlaw>,
    /// Numbers of the good clips.
    good: Vec<usize>,
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
        let flaws = SyntheticFlaw::allowed(&description.config.synthetic);
        let good = (0..data.good.len()).filter(|clip| data.good[*clip]).collect();
        Ok(Self { description, data, order, flaws, good })
    }
}

/// A clip of a micro-batch.
pub struct DrawnClip {
    /// Number of the labelled clip.
    clip: usize,
    /// The clip with a synthetic flaw, which is bad.
    flawed: Option<QualityInput>,
    view: Augmentation,
    weight: f32,
}

impl DrawnClip {
    fn input<'a>(&'a self, data: &'a QualityExamples) -> &'a QualityInput {
        self.flawed.as_ref().unwrap_or(&data.clips[self.clip])
    }
}

impl QualityTask<'_> {
    /// Adds a flawed clip for each good clip of a batch, shown in the same view.
    fn add_flawed(&self, batch: &mut Vec<DrawnClip>, rng: &mut ChaCha8Rng) {
        let Self { flaws, good, data, .. } = self;
        let weight = self.description.config.synthetic.weight as f32;
        for place in 0..batch.len() {
            let DrawnClip { clip, view, .. } = batch[place];
            if !data.good[clip] {
                continue;
            }
            let (Some(flaw), Some(other)) = (flaws.choose(rng), good.choose(rng)) else { return };
            let QualityInput { frames, scores } = &data.clips[clip];
            let frames = flaw.applied(frames, &data.clips[*other].frames, rng);
            let flawed = Some(QualityInput { frames, scores: scores.clone() });
            // The clip without the flaw weighs as much more, so that both classes stay balanced.
            batch[place].weight += weight;
            batch.push(DrawnClip { clip, flawed, view, weight });
        }
    }
}

impl<B: AutodiffBackend + Kernels> Task<B> for QualityTask<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = QualityNet<B>;
    type Batch = Vec<DrawnClip>;
    type Aux = ();

    fn init(&self, device: &B::Device) -> QualityNet<B> {
        QualityNet::new(self.description, device)
    }

    fn batch(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<Vec<DrawnClip>, ModelError> {
        let places = self.order.places(index, self.description.config.train.micro_batch());
        let labelled = |(clip, _)| {
            let view = Augmentation::random(rng);
            DrawnClip { clip, flawed: None, view, weight: 1.0 }
        };
        let mut batch: Vec<DrawnClip> = places.into_iter().map(labelled).collect();
        self.add_flawed(&mut batch, rng);
        Ok(batch)
    }

    fn loss(
        &self,
        net: &QualityNet<B>,
        batch: Vec<DrawnClip>,
        rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, ()> {
        let QualityDescription { config, scale } = self.description;
        let clips = || batch.iter().map(|drawn| (drawn.input(self.data), drawn.view));
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
        let is_good = |drawn: &DrawnClip| drawn.flawed.is_none() && self.data.good[drawn.clip];
        let labels = batch.iter().map(|drawn| i64::from(is_good(drawn)));
        let labels = indices::<B>(labels, device).unsqueeze_dim::<2>(1);
        let surprise: Tensor<B, 2> = predicted.gather(1, labels).neg();
        let sum: f32 = batch.iter().map(|drawn| drawn.weight).sum();
        let weights: Vec<f32> = batch.iter().map(|drawn| drawn.weight / sum).collect();
        let weights = TensorData::new(weights, [batch.len(), 1]);
        let value = (surprise * Tensor::from_data(weights, device)).sum();
        Loss { value, metrics: Vec::new(), aux: () }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::quality::{QualityConfig, ScoreScale};
    use crate::testing::rng;

    /// The clips that a batch of four gets, with flaws of a weight.
    fn added(weight: f64) -> Vec<DrawnClip> {
        let clips: Vec<QualityInput> = (0..4)
            .map(|grey| QualityInput::new(&[60 * grey; 12], (1, 2, 2), vec![0.5]).unwrap())
            .collect();
        let good = vec![true, false, true, false];
        let scale = ScoreScale::of(&clips);
        let data = QualityExamples { clips, good };
        let mut config = QualityConfig::default();
        config.synthetic.weight = weight;
        let description = QualityDescription { config, scale };
        let task = QualityTask::new(&description, &data).unwrap();
        let labelled =
            |clip| DrawnClip { clip, flawed: None, view: Augmentation::PLAIN, weight: 1.0 };
        let mut batch: Vec<DrawnClip> = (0..4).map(labelled).collect();
        task.add_flawed(&mut batch, &mut rng(1));
        batch
    }

    /// Catches: bad clips get flaws; flaws make one class heavier than the other, so that quality
    /// is no probability; weight 0 has an effect.
    #[test]
    fn every_good_clip_gets_one_flaw() {
        let seen = |batch: &[DrawnClip]| -> Vec<(usize, bool, f32)> {
            batch.iter().map(|drawn| (drawn.clip, drawn.flawed.is_some(), drawn.weight)).collect()
        };
        let plain = |clip, weight| (clip, false, weight);
        let flawed = |clip| (clip, true, 0.25);
        assert_eq!(
            seen(&added(0.25)),
            [plain(0, 1.25), plain(1, 1.0), plain(2, 1.25), plain(3, 1.0), flawed(0), flawed(2)]
        );
        assert_eq!(seen(&added(0.0)), [0, 1, 2, 3].map(|clip| plain(clip, 1.0)));
    }
}
