//! The LAM's decoder: it predicts the next frame from known frames and an action.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::Backend;

use super::config::{LamConfig, LamTarget};
use super::rows::frames_of;
use crate::data::FrameSize;
use crate::kernels::Kernels;
use crate::layers::{Grid, Positions, Stack, apply, fan_in, linear};

/// The decoder. The fields' names are names of weights in a checkpoint.
#[derive(Module, Debug)]
pub struct FrameDecoder<B: Backend> {
    action: Linear<B>,
    start: Linear<B>,
    decoder_positions: Positions<B>,
    decoder: Stack<B>,
    pixels: Linear<B>,
}

impl<B: Kernels> FrameDecoder<B> {
    /// A decoder with random weights.
    pub fn new(config: &LamConfig, size: FrameSize, device: &B::Device) -> Self {
        let (values, d, code) = (size.patch_values(), config.decoder.d, config.quantizer.width());
        let known = config.given() * values;
        let spread = match config.target {
            LamTarget::Change => 0.0,
            LamTarget::Frame => fan_in(d),
        };
        Self {
            action: linear(code, d, fan_in(code), device),
            start: linear(known, d, fan_in(known), device),
            decoder_positions: config.decoder.positions(config.frames, 0, size.patches(), device),
            decoder: config.decoder.init(device),
            pixels: linear(d, values, spread, device),
        }
    }

    /// Predicts the patches of each frame from the n frames before it and the action between.
    ///
    /// `frames` are the patches `[batch*time*space, values]` of all frames but the last, and `grid`
    /// is their grid. `actions` are embedded actions `[batch*(time+1-n), width]`, where n is
    /// [`LamConfig::given`]. The predictions are `[batch*(time+1-n)*space, values]`.
    pub fn forward(
        &self,
        config: &LamConfig,
        frames: &Tensor<B, 2>,
        actions: Tensor<B, 2>,
        grid: Grid,
    ) -> Tensor<B, 2> {
        let given = config.given();
        let steps = Grid { t: grid.t + 1 - given, ..grid };
        let seen: Vec<_> =
            (0..given).map(|first| frames_of(frames.clone(), grid, first, steps.t)).collect();
        let before = seen[given - 1].clone();
        let x = self.decoder_positions.add(apply(&self.start, Tensor::cat(seen, 1)), steps);
        let d = x.dims()[1];
        let action = apply(&self.action, actions).reshape([steps.b * steps.t, 1, d]);
        let x = (x.reshape([steps.b * steps.t, steps.s, d]) + action).reshape([steps.rows(), d]);
        let out = apply(&self.pixels, self.decoder.forward(x, steps));
        match config.target {
            LamTarget::Frame => sigmoid(out),
            LamTarget::Change => before + out,
        }
    }
}
