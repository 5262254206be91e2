//! The LAM's encoder: what happens between two frames, by one of three methods.

use std::marker::PhantomData;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::components::LARGEST_CHANGE;
use super::config::{LamConfig, LamReads, LamSees};
use super::rows::frames_of;
use crate::data::FrameSize;
use crate::kernels::Kernels;
use crate::layers::{Convolutions, Grid, Positions, Stack, apply, fan_in, linear, unpatchify};

/// The encoder.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a network has only one encoder")]
pub enum MotionEncoder<B: Backend> {
    /// Attention among patches (the paper).
    Attention(AttentionEncoder<B>),
    /// Convolutions over the pixels of a pair of frames.
    Convolution(ConvolutionEncoder<B>),
    /// The change of each pixel, which the quantizer projects to independent components.
    Components(PixelChange<B>),
}

impl<B: Kernels> MotionEncoder<B> {
    /// An encoder with random weights.
    pub fn new(config: &LamConfig, size: FrameSize, device: &B::Device) -> Self {
        match config.reads {
            LamReads::Attention => Self::Attention(AttentionEncoder::new(config, size, device)),
            LamReads::Convolution => {
                Self::Convolution(ConvolutionEncoder::new(config, size, device))
            }
            LamReads::Components => Self::Components(PixelChange { size, backend: PhantomData }),
        }
    }

    /// Encodes patches `[batch*time*space, values]` as `[batch*(time-1), positions, width]`.
    pub fn forward(&self, sees: LamSees, patches: Tensor<B, 2>, grid: Grid) -> Tensor<B, 3> {
        match self {
            Self::Attention(encoder) => encoder.forward(sees, patches, grid),
            Self::Convolution(encoder) => encoder.motion.forward(patches, grid),
            Self::Components(encoder) => encoder.forward(patches, grid),
        }
    }
}

/// A transformer over the patches. The fields' names are names of weights in a checkpoint.
#[derive(Module, Debug)]
pub struct AttentionEncoder<B: Backend> {
    embed: Linear<B>,
    encoder_positions: Positions<B>,
    encoder: Stack<B>,
}

impl<B: Kernels> AttentionEncoder<B> {
    fn new(config: &LamConfig, size: FrameSize, device: &B::Device) -> Self {
        let stack = &config.encoder;
        let seen = match config.sees {
            LamSees::Pairs => 2 * size.patch_values(),
            LamSees::Frames => size.patch_values(),
        };
        Self {
            embed: linear(seen, stack.d, fan_in(seen), device),
            encoder_positions: stack.positions(config.frames, 0, size.patches(), device),
            encoder: stack.init(device),
        }
    }

    fn forward(&self, sees: LamSees, patches: Tensor<B, 2>, grid: Grid) -> Tensor<B, 3> {
        let steps = Grid { t: grid.t - 1, ..grid };
        let x = match sees {
            LamSees::Pairs => {
                let before = frames_of(patches.clone(), grid, 0, steps.t);
                let after = frames_of(patches, grid, 1, steps.t);
                let pairs = apply(&self.embed, Tensor::cat(vec![before, after], 1));
                self.encoder.forward(self.encoder_positions.add(pairs, steps), steps)
            }
            LamSees::Frames => {
                let x = self.encoder_positions.add(apply(&self.embed, patches), grid);
                frames_of(self.encoder.forward(x, grid), grid, 1, steps.t)
            }
        };
        let d = x.dims()[1];
        x.reshape([steps.b * steps.t, steps.s, d])
    }
}

/// Convolutions. The field's name is part of the names of the weights in a checkpoint.
#[derive(Module, Debug)]
pub struct ConvolutionEncoder<B: Backend> {
    motion: PairConvolutions<B>,
}

impl<B: Kernels> ConvolutionEncoder<B> {
    fn new(config: &LamConfig, size: FrameSize, device: &B::Device) -> Self {
        let convolutions = config.convolutions.init(2 * size.channels, device);
        Self { motion: PairConvolutions { convolutions, size } }
    }
}

/// Convolutions over the pixels of two frames, whose channels are concatenated.
///
/// Attention among patches must learn each motion once for every way in which the grid of patches
/// can cut it. It also knows its position, so a code can mean different motions at different
/// positions. The decoder can undo that, but nothing else can. Convolutions have neither problem.
#[derive(Module, Debug)]
pub struct PairConvolutions<B: Backend> {
    convolutions: Convolutions<B>,
    #[module(skip)]
    size: FrameSize,
}

impl<B: Kernels> PairConvolutions<B> {
    fn forward(&self, patches: Tensor<B, 2>, grid: Grid) -> Tensor<B, 3> {
        let (Grid { b, t, .. }, c) = (grid, self.size.channels);
        let (height, width) = self.size.padded();
        let (before, after) = pixel_pairs(patches, grid, self.size);
        self.convolutions.forward(Tensor::cat(vec![before, after], 1).reshape([
            b * (t - 1),
            height,
            width,
            2 * c,
        ]))
    }
}

/// The change of the grey value of each pixel. It has no weights.
#[derive(Module, Debug)]
pub struct PixelChange<B: Backend> {
    #[module(skip)]
    size: FrameSize,
    backend: PhantomData<B>,
}

impl<B: Kernels> PixelChange<B> {
    /// One position for each pair: `[batch*(time-1), 1, pixels]`.
    fn forward(&self, patches: Tensor<B, 2>, grid: Grid) -> Tensor<B, 3> {
        let (before, after) = pixel_pairs(patches, grid, self.size);
        let change = (after - before).mean_dim(1).clamp(-LARGEST_CHANGE, LARGEST_CHANGE);
        change.reshape([grid.b * (grid.t - 1), 1, self.size.height * self.size.width])
    }
}

/// The pixels `[batch*(time-1)*height*width, channels]` of the first and second frame of each pair.
fn pixel_pairs<B: Backend>(
    patches: Tensor<B, 2>,
    grid: Grid,
    size: FrameSize,
) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let Grid { b, t, .. } = grid;
    let (height, width) = size.padded();
    let pixels = unpatchify(patches, b, t, height, width, size.patch)
        .reshape([b * t * height * width, size.channels]);
    let frames = Grid { b, t, s: height * width };
    (frames_of(pixels.clone(), frames, 0, t - 1), frames_of(pixels, frames, 1, t - 1))
}
