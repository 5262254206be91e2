//! The dynamics model's training task.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::AutodiffBackend;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::DynamicsDescription;
use super::network::DynamicsNet;
use crate::data::{Shuffle, TokenWindows};
use crate::error::ModelError;
use crate::kernels::Kernels;
use crate::layers::{Grid, apply, indices};
use crate::train::{Loss, Task};

/// A micro-batch on the host, some of whose tokens are masked.
#[derive(Default)]
pub struct MaskedBatch {
    /// Input tokens `[batch*time*space]`, with the mask token where a token is masked.
    pub inputs: Vec<i64>,
    /// The same tokens without masks.
    pub clean: Vec<i64>,
    /// The action that leads to each frame `[batch*time]`.
    pub actions: Vec<i64>,
    /// The index of each masked token in `inputs`.
    pub masked: Vec<i64>,
    /// The true token of each masked token.
    pub targets: Vec<i64>,
    /// The weight of each masked token in the loss.
    pub weights: Vec<f32>,
}

/// Trains the network to predict masked tokens.
pub struct DynamicsTask<'a> {
    description: &'a DynamicsDescription,
    data: &'a TokenWindows,
    order: Shuffle,
}

impl<'a> DynamicsTask<'a> {
    /// Fails if the windows do not fit the model.
    pub fn new(
        description: &'a DynamicsDescription,
        data: &'a TokenWindows,
    ) -> Result<Self, ModelError> {
        data.check(description.vocabulary.codes, description.vocabulary.actions)?;
        let order = Shuffle::new(data.len(), description.config.train.seed);
        Ok(Self { description, data, order })
    }

    /// The grid of a micro-batch's tokens.
    pub fn grid(&self) -> Grid {
        let DynamicsDescription { config, vocabulary } = self.description;
        Grid { b: config.train.micro_batch(), t: vocabulary.frames, s: vocabulary.positions }
    }

    /// The micro-batch `index`, with tokens masked at random.
    pub fn draw(&self, index: usize, rng: &mut ChaCha8Rng) -> MaskedBatch {
        let DynamicsDescription { config, vocabulary } = self.description;
        let Grid { b, t, s } = self.grid();
        let mut batch = MaskedBatch::default();
        for window in self.order.batch(index, b) {
            let tokens = &self.data.tokens[window * t * s..][..t * s];
            let actions = &self.data.actions[window * (t - 1)..][..t - 1];
            batch.actions.push(vocabulary.actions as i64);
            batch.actions.extend(actions.iter().map(|action| i64::from(*action)));
            batch.clean.extend(tokens.iter().map(|token| i64::from(*token)));
            let rate = rng.random_range(config.min_mask_rate..=1.0);
            for frame in 0..t {
                let masks = frame > 0 && rng.random_bool(config.masked_frames);
                for position in 0..s {
                    let at = frame * s + position;
                    let token = i64::from(tokens[at]);
                    if masks && rng.random_bool(rate) {
                        batch.masked.push(batch.inputs.len() as i64);
                        batch.targets.push(token);
                        let changed = tokens[at] != tokens[at - s];
                        batch.weights.push(if changed {
                            config.changed_token_weight as f32
                        } else {
                            1.0
                        });
                        batch.inputs.push(vocabulary.codes as i64);
                    } else {
                        batch.inputs.push(token);
                    }
                }
            }
        }
        batch
    }
}

impl<B: AutodiffBackend + Kernels> Task<B> for DynamicsTask<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = DynamicsNet<B>;
    type Batch = MaskedBatch;
    type Aux = ();

    fn init(&self, device: &B::Device) -> DynamicsNet<B> {
        DynamicsNet::new(&self.description.config, self.description.vocabulary, device)
    }

    fn batch(&self, index: usize, rng: &mut ChaCha8Rng) -> Result<MaskedBatch, ModelError> {
        loop {
            let batch = self.draw(index, rng);
            if !batch.masked.is_empty() {
                return Ok(batch);
            }
        }
    }

    fn loss(
        &self,
        net: &DynamicsNet<B>,
        batch: MaskedBatch,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, ()> {
        let inputs = indices::<B>(batch.inputs.into_iter(), device);
        let clean = indices::<B>(batch.clean.into_iter(), device);
        let actions = indices::<B>(batch.actions.into_iter(), device);
        let masked = indices::<B>(batch.masked.into_iter(), device);
        let targets = indices::<B>(batch.targets.into_iter(), device);
        let weights = Tensor::<B, 1>::from_floats(batch.weights.as_slice(), device);

        let hidden = net.forward(inputs, clean, actions, self.grid()).select(0, masked);
        let logits = log_softmax(apply(&net.logits, hidden), 1);
        let surprise: Tensor<B, 1> =
            logits.gather(1, targets.unsqueeze_dim(1)).squeeze_dim::<1>(1).neg();
        let loss = (surprise.clone() * weights.clone()).sum() / weights.clone().sum();

        let changed = weights.clone().greater_elem(1.0).float().inner();
        let plain = surprise.inner();
        let on_changed = (plain.clone() * changed.clone()).sum() / changed.sum().add_scalar(1e-9);
        Loss {
            value: loss,
            metrics: vec![("cross_entropy", plain.mean()), ("cross_entropy_changed", on_changed)],
            aux: (),
        }
    }
}
