//! The LAM's training task.

use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Int, Tensor};
use rand_chacha::ChaCha8Rng;

use super::components::{Components, independent_components};
use super::config::{LamDescription, LamReads};
use super::network::LamNet;
use super::rows::frames_of;
use crate::data::{TrainingWindows, Video};
use crate::error::ModelError;
use crate::kernels::Kernels;
use crate::layers::{Grid, change_weights, reseed, usage};
use crate::train::{Loss, Task};

/// Trains the network to predict each frame of its windows from earlier frames and an action.
pub struct LamTask<'a> {
    description: &'a LamDescription,
    windows: TrainingWindows<'a>,
    /// The encoder, if it reads by components.
    components: Option<Components>,
}

impl<'a> LamTask<'a> {
    /// Fails if no clip is long enough.
    pub fn new(description: &'a LamDescription, video: &'a dyn Video) -> Result<Self, ModelError> {
        let config = &description.config;
        let windows = TrainingWindows::new(video, config.frames, config.train.seed)?;
        let components = match config.reads {
            LamReads::Components => {
                let count = config.quantizer.levels.len();
                Some(independent_components(video, count, config.train.seed)?)
            }
            LamReads::Attention | LamReads::Convolution => None,
        };
        Ok(Self { description, windows, components })
    }
}

impl<B: AutodiffBackend + Kernels> Task<B> for LamTask<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = LamNet<B>;
    /// Frames `[batch, time, height, width, channels]`.
    type Batch = Vec<u8>;
    /// The projected vectors and the actions of the micro-batch.
    type Aux = (Tensor<B, 2>, Tensor<B, 1, Int>);

    fn init(&self, device: &B::Device) -> LamNet<B> {
        let mut net = LamNet::new(&self.description.config, self.description.size, device);
        if let Some(Components { weights, bias }) = &self.components {
            net.quantizer = net.quantizer.with_projection(weights, bias);
        }
        net
    }

    fn batch(&self, index: usize, _rng: &mut ChaCha8Rng) -> Result<Vec<u8>, ModelError> {
        self.windows.read(index, self.description.config.train.micro_batch())
    }

    fn loss(
        &self,
        net: &LamNet<B>,
        frames: Vec<u8>,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux> {
        let LamDescription { config, size, .. } = self.description;
        let (b, t, given) = (config.train.micro_batch(), config.frames, config.given());
        let grid = size.grid(b, t);
        let patches = size.to_patches::<B>(&frames, b, t, device);
        let frames = |first, len| frames_of(patches.clone(), grid, first, len);
        // The predicted frames, and the frame before each of them.
        let (before, after) = (frames(given - 1, t - given), frames(given, t - given));

        let seen = Grid { t: t + 1 - given, ..grid };
        let actions = net.encode(config, frames(given - 1, seen.t), seen, true);
        let known = Grid { t: t - 1, ..grid };
        let embedded = match config.reads {
            // The components are not trained: to predict pixels is another aim than theirs.
            LamReads::Components => actions.embedded.detach(),
            LamReads::Attention | LamReads::Convolution => actions.embedded,
        };
        let predicted = net.decode(config, &frames(0, known.t), embedded, known);

        let difference = predicted - after.clone();
        let square = difference.clone() * difference;
        let change = before - after;
        let weights = change_weights(change.clone(), config.changed_pixel_weight);
        let fit = (square.clone() * weights.clone()).mean() / weights.clone().mean();

        // The ratio of the weighted error of copying the last frame to the model's, in dB.
        let copy = (change.clone() * change * weights.clone()).mean() / weights.mean();
        let gain = (copy.inner().log() - fit.clone().inner().log())
            .mul_scalar(10.0 / std::f64::consts::LN_10);
        let loss = match actions.loss {
            Some(extra) => fit + extra,
            None => fit,
        };
        Loss {
            value: loss,
            metrics: vec![("gain_over_copy_db", gain)],
            aux: (actions.projected, actions.codes),
        }
    }

    fn logged(&self, (_, codes): &Self::Aux) -> Result<Vec<(&'static str, f32)>, ModelError> {
        usage(codes, self.description.config.quantizer.size())
    }

    fn after_step(
        &self,
        mut net: LamNet<B>,
        (projected, codes): Self::Aux,
        step: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<LamNet<B>, ModelError> {
        let steps = self.description.config.train.steps;
        net.quantizer = reseed(net.quantizer, projected, codes, step, steps, rng)?;
        Ok(net)
    }
}
