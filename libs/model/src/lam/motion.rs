//! The latent action model's encoder by convolution: what moves between two frames, as it looks in every place.
//!
//! Attention among patches must learn every motion again for each place that a patch's grid cuts it in, and knows where in which picture it is: its codes
//! then mean one thing here and another there, which the decoder can undo and nobody else. Convolutions have neither trouble.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::frames_of;
use crate::frames::FrameSize;
use crate::kernels::Kernels;
use crate::layers::{Convolutions, ConvolutionsConfig, Grid, unpatchify};

/// Convolutions over the pixels of two frames laid upon each other.
#[derive(Module, Debug)]
pub struct Motion<B: Backend> {
    convolutions: Convolutions<B>,
    #[module(skip)]
    size: FrameSize,
}

impl<B: Kernels> Motion<B> {
    pub fn new(config: &ConvolutionsConfig, size: FrameSize, device: &B::Device) -> Self {
        Self { convolutions: config.init(2 * size.channels, device), size }
    }

    /// Patch rows `[b*t*s, values]` to what is seen at each place of each pair of frames, `[b*(t-1), places, width]`.
    pub fn forward(&self, patches: Tensor<B, 2>, grid: Grid) -> Tensor<B, 3> {
        let (Grid { b, t, .. }, c) = (grid, self.size.channels);
        let (height, width) = self.size.padded();
        let pixels = unpatchify(patches, b, t, height, width, self.size.patch)
            .reshape([b * t * height * width, c]);
        let frames = Grid { b, t, s: height * width };
        let (before, after) =
            (frames_of(pixels.clone(), frames, 0, t - 1), frames_of(pixels, frames, 1, t - 1));
        self.convolutions.forward(Tensor::cat(vec![before, after], 1).reshape([
            b * (t - 1),
            height,
            width,
            2 * c,
        ]))
    }
}
