//! The tokenizer's training task.

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor};
use rand_chacha::ChaCha8Rng;

use super::config::TokenizerDescription;
use super::network::TokenizerNet;
use crate::data::{TrainingWindows, Video};
use crate::error::ModelError;
use crate::kernels::Kernels;
use crate::layers::{Grid, change_weights, reseed, usage};
use crate::train::{Loss, Task};

/// Trains the network to reproduce the frames of its windows.
pub struct TokenizerTask<'a> {
    description: &'a TokenizerDescription,
    windows: TrainingWindows<'a>,
}

impl<'a> TokenizerTask<'a> {
    /// Fails if no clip is long enough.
    pub fn new(
        description: &'a TokenizerDescription,
        video: &'a dyn Video,
    ) -> Result<Self, ModelError> {
        let config = &description.config;
        let windows = TrainingWindows::new(video, config.span(), config.train.seed)?;
        Ok(Self { description, windows })
    }
}

impl<B: AutodiffBackend + Kernels> Task<B> for TokenizerTask<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = TokenizerNet<B>;
    /// Frames `[batch, time, height, width, 3]`.
    type Batch = Vec<u8>;
    /// The projected vectors and the codes of the micro-batch.
    type Aux = (Tensor<B, 2>, Tensor<B, 1, Int>);

    fn init(&self, device: &B::Device) -> TokenizerNet<B> {
        TokenizerNet::new(&self.description.config, self.description.size, device)
    }

    fn batch(&self, index: usize, _rng: &mut ChaCha8Rng) -> Result<Vec<u8>, ModelError> {
        self.windows.read(index, self.description.config.windows_per_micro_batch())
    }

    fn loss(
        &self,
        net: &TokenizerNet<B>,
        frames: Vec<u8>,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux> {
        let TokenizerDescription { config, size } = self.description;
        let grid = size.grid(config.windows_per_micro_batch(), config.span());
        let patches = size.to_patches::<B>(&frames, grid.b, grid.t, device);
        let coded = net.encode(patches.clone(), grid, true);
        let difference = net.decode(coded.embedded, grid) - patches.clone();
        let square = difference.clone() * difference;
        let mse = square.clone().mean();
        let fit = if config.changed_pixel_weight == 1.0 {
            mse.clone()
        } else {
            (square * changed_weight(patches, grid, config.changed_pixel_weight)).mean()
        };
        let psnr = mse.inner().log().mul_scalar(-10.0 / std::f64::consts::LN_10);
        let loss = match coded.loss {
            Some(extra) => fit + extra,
            None => fit,
        };
        Loss { value: loss, metrics: vec![("psnr_db", psnr)], aux: (coded.projected, coded.codes) }
    }

    fn logged(&self, (_, codes): &Self::Aux) -> Result<Vec<(&'static str, f32)>, ModelError> {
        usage(codes, self.description.config.quantizer.size())
    }

    fn after_step(
        &self,
        mut net: TokenizerNet<B>,
        (projected, codes): Self::Aux,
        step: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<TokenizerNet<B>, ModelError> {
        let steps = self.description.config.train.steps;
        net.quantizer = reseed(net.quantizer, projected, codes, step, steps, rng)?;
        Ok(net)
    }
}

/// Weights `[batch*time*space, values]` with mean 1.
///
/// Values that changed since the previous frame weigh `weight` times as much as the others.
pub fn changed_weight<B: Backend>(patches: Tensor<B, 2>, grid: Grid, weight: f64) -> Tensor<B, 2> {
    let [rows, values] = patches.dims();
    let Grid { b, t, s } = grid;
    let by_frame = patches.detach().reshape([b, t, s * values]);
    let change = by_frame.clone().narrow(1, 1, t - 1) - by_frame.clone().narrow(1, 0, t - 1);
    let first = by_frame.narrow(1, 0, 1).zeros_like();
    let weights =
        change_weights(Tensor::cat(vec![first, change], 1), weight).reshape([rows, values]);
    weights.clone() / weights.mean().unsqueeze()
}
