//! The network: convolutions, the maximum over all positions, and one output for each lag.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::config::{InverseDynamicsConfig, LAGS};
use crate::kernels::{Kernels, gelu, log_softmax};
use crate::layers::{Convolutions, Norm, apply, fan_in, linear};

/// The network. The fields' names are the names of the weights in a checkpoint.
#[derive(Module, Debug)]
pub struct InverseDynamicsNet<B: Backend> {
    convolutions: Convolutions<B>,
    /// Without it, training stays at chance for the first hundred steps.
    norm: Norm<B>,
    hidden: Linear<B>,
    /// The outputs of all lags, `[lag*class]`.
    actions: Linear<B>,
}

impl<B: Kernels> InverseDynamicsNet<B> {
    /// A network with random weights for frames with `channels` values per pixel.
    pub fn new(config: &InverseDynamicsConfig, channels: usize, device: &B::Device) -> Self {
        let (width, hidden) = (config.convolutions.width(), config.hidden);
        Self {
            convolutions: config.convolutions.init(config.seen.count() * channels, device),
            norm: Norm::new(width, device),
            hidden: linear(width, hidden, fan_in(width), device),
            // Small weights: at first, all classes are about equally likely.
            actions: linear(hidden, LAGS * config.classes, 0.1 * fan_in(hidden), device),
        }
    }

    /// Pixels `[batch, height, width, seen*channels]` to log-probabilities `[batch, lag, class]`.
    pub fn log_probabilities(&self, pixels: Tensor<B, 4>) -> Tensor<B, 3> {
        let strongest = self.convolutions.forward(pixels).max_dim(1).squeeze_dim::<2>(1);
        let hidden = gelu(apply(&self.hidden, self.norm.forward(strongest)));
        let logits = apply(&self.actions, hidden);
        let [batch, outputs] = logits.dims();
        let classes = outputs / LAGS;
        log_softmax(logits.reshape([batch * LAGS, classes])).reshape([batch, LAGS, classes])
    }
}
