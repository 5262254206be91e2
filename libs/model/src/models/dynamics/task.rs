//! The dynamics model's training task.

use std::sync::Arc;

use burn::module::AutodiffModule as _;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Int, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::config::{DynamicsDescription, MaskRates};
use super::history::{Corruption, Predictions, replaced};
use super::network::DynamicsNet;
use crate::data::{TokenGroups, TokenStream, TokenWindows};
use crate::error::ModelError;
use crate::kernels::{Kernels, log_softmax};
use crate::layers::{Grid, apply, indices};
use crate::train::{Loss, Task};

/// A micro-batch on the host, some of whose tokens are masked.
#[derive(Default)]
pub struct MaskedBatch {
    /// Input tokens `[batch*time*space]`, with the mask token where a token is masked.
    pub inputs: Vec<i64>,
    /// The same tokens without masks, which the next frame sees.
    pub clean: Vec<i64>,
    /// The action that leads to each frame `[batch*time]`.
    pub actions: Vec<i64>,
    /// The index of each masked token in `inputs`.
    pub masked: Vec<i64>,
    /// The true token of each masked token.
    pub targets: Vec<i64>,
    /// The weight of each masked token in the loss.
    pub weights: Vec<f32>,
    /// The tokens of `inputs` and `clean` that the model predicts itself before the loss.
    pub predictions: Predictions,
}

impl MaskedBatch {
    /// Replaces a share of the last `steps` actions by random ones, which may be the true ones.
    fn replace_actions(&mut self, steps: usize, share: f64, actions: usize, rng: &mut ChaCha8Rng) {
        let first = self.actions.len() - steps;
        for action in &mut self.actions[first..] {
            if rng.random_bool(share) {
                *action = rng.random_range(0..actions as i64);
            }
        }
    }

    /// Corrupts frames of the window `window`. Masked tokens and targets stay as they are.
    fn corrupt(
        &mut self,
        window: usize,
        corruption: Corruption,
        (t, s): (usize, usize),
        mask: i64,
        rng: &mut ChaCha8Rng,
    ) {
        match corruption {
            Corruption::Predicted { frames } => self.predictions.push(window, frames, s, rng),
            Corruption::Stale { frames, tokens } => {
                for frame in frames {
                    for (position, token) in &tokens {
                        let row = (window * t + frame) * s + position;
                        self.clean[row] = i64::from(*token);
                        if self.inputs[row] != mask {
                            self.inputs[row] = i64::from(*token);
                        }
                    }
                }
            }
        }
    }
}

/// Trains the network to predict masked tokens.
pub struct DynamicsTask<'a> {
    description: &'a DynamicsDescription,
    windows: TokenStream,
}

impl<'a> DynamicsTask<'a> {
    /// Fails if the windows do not fit the model.
    pub fn new(
        description: &'a DynamicsDescription,
        data: Arc<dyn TokenGroups>,
    ) -> Result<Self, ModelError> {
        let DynamicsDescription { config, vocabulary } = description;
        let windows =
            TokenStream::new(data, vocabulary.codes, vocabulary.actions, config.train.seed)?;
        Ok(Self { description, windows })
    }

    /// The grid of a micro-batch's tokens.
    pub fn grid(&self) -> Grid {
        let DynamicsDescription { config, vocabulary } = self.description;
        Grid { b: config.train.micro_batch(), t: vocabulary.frames, s: vocabulary.positions }
    }

    /// The windows of the micro-batch `index`.
    pub fn windows(&self, index: usize) -> Result<TokenWindows, ModelError> {
        self.windows.read(index, self.description.config.train.micro_batch())
    }

    /// Masks tokens of `windows` at random, which are those of the micro-batch `index`.
    pub fn mask(&self, windows: &TokenWindows, index: usize, rng: &mut ChaCha8Rng) -> MaskedBatch {
        let DynamicsDescription { config, vocabulary } = self.description;
        let Grid { t, s, .. } = self.grid();
        let mut batch = MaskedBatch::default();
        let progress = (index + 1) as f64 / (config.train.steps * config.train.accumulate) as f64;
        let tokens = windows.tokens.chunks_exact(t * s);
        for (place, (tokens, actions)) in
            tokens.zip(windows.actions.chunks_exact(t - 1)).enumerate()
        {
            batch.actions.push(vocabulary.actions as i64);
            batch.actions.extend(actions.iter().map(|action| i64::from(*action)));
            batch.clean.extend(tokens.iter().map(|token| i64::from(*token)));
            let mut rate = rng.random_range(config.min_mask_rate..=1.0);
            for frame in 0..t {
                if frame > 1 && config.mask_rates == MaskRates::Frame {
                    rate = rng.random_range(config.min_mask_rate..=1.0);
                }
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
            // Without noise there are no random draws, so the weights stay what they were.
            if config.action_noise > 0.0 {
                batch.replace_actions(t - 1, config.action_noise, vocabulary.actions, rng);
            }
            let corruption = (config.history_noise > 0.0)
                .then(|| Corruption::draw(config, tokens, s, progress.min(1.0), rng))
                .flatten();
            if let Some(corruption) = corruption {
                batch.corrupt(place, corruption, (t, s), vocabulary.codes as i64, rng);
            }
        }
        batch
    }
}

impl DynamicsTask<'_> {
    /// The inputs of a micro-batch and the tokens that the next frames see, with predictions.
    ///
    /// No gradient reaches the predictions: they are data.
    pub fn tokens_seen<B: AutodiffBackend + Kernels>(
        &self,
        net: &DynamicsNet<B>,
        batch: &MaskedBatch,
        device: &B::Device,
    ) -> (Tensor<B, 1, Int>, Tensor<B, 1, Int>)
    where
        B::InnerBackend: Kernels,
    {
        let MaskedBatch { inputs, clean, actions, predictions, .. } = batch;
        let row = |tokens: &[i64]| indices::<B>(tokens.iter().copied(), device);
        if predictions.is_empty() {
            return (row(inputs), row(clean));
        }
        let Grid { t, s, .. } = self.grid();
        let sampled = predictions.sample(&net.valid(), clean, actions, self.grid(), device);
        let sampled = Tensor::from_inner(sampled);
        let clean_rows = predictions.rows(t, s);
        let clean = replaced(row(clean), clean_rows, sampled.clone());
        let mask = self.description.vocabulary.codes as i64;
        let masked = row(inputs).equal_elem(mask);
        let shown = replaced(row(inputs), predictions.rows(t, s), sampled);
        (shown.mask_fill(masked, mask), clean)
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
        let windows = self.windows(index)?;
        loop {
            let batch = self.mask(&windows, index, rng);
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
        let (inputs, clean) = self.tokens_seen(net, &batch, device);
        let actions = indices::<B>(batch.actions.into_iter(), device);
        let masked = indices::<B>(batch.masked.into_iter(), device);
        let targets = indices::<B>(batch.targets.into_iter(), device);
        let weights = Tensor::<B, 1>::from_floats(batch.weights.as_slice(), device);

        let hidden = net.forward(inputs, clean, actions, self.grid()).select(0, masked);
        let logits = log_softmax(apply(&net.logits, hidden));
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
