//! The tokenizer's network: an encoder, a quantizer and a decoder.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::Backend;

use super::config::TokenizerConfig;
use crate::data::FrameSize;
use crate::kernels::Kernels;
use crate::layers::{Grid, Past, Positions, Quantized, Quantizer, Stack, apply, fan_in, linear};

/// The network. The fields' names are the names of the weights in a checkpoint.
#[derive(Module, Debug)]
pub struct TokenizerNet<B: Backend> {
    embed: Linear<B>,
    encoder_positions: Positions<B>,
    encoder: Stack<B>,
    pub quantizer: Quantizer<B>,
    expand: Linear<B>,
    decoder_positions: Positions<B>,
    decoder: Stack<B>,
    pixels: Linear<B>,
}

impl<B: Kernels> TokenizerNet<B> {
    /// A network with random weights for frames of `size`.
    pub fn new(config: &TokenizerConfig, size: FrameSize, device: &B::Device) -> Self {
        let values = size.patch_values();
        let (encoder, decoder) = (config.encoder.d, config.decoder.d);
        let code = config.quantizer.width();
        Self {
            embed: linear(values, encoder, fan_in(values), device),
            encoder_positions: config.encoder.positions(config.frames, 0, size.patches(), device),
            encoder: config.encoder.init(device),
            quantizer: config.quantizer.init(encoder, device),
            expand: linear(code, decoder, fan_in(code), device),
            decoder_positions: config.decoder.positions(config.frames, 0, size.patches(), device),
            decoder: config.decoder.init(device),
            pixels: linear(decoder, values, fan_in(decoder), device),
        }
    }

    /// Encodes patches `[batch*time*space, values]` as codes, one per patch.
    pub fn encode(&self, patches: Tensor<B, 2>, grid: Grid, training: bool) -> Quantized<B> {
        let x = self.encoder_positions.add(apply(&self.embed, patches), grid);
        self.quantizer.quantize(self.encoder.forward(x, grid), training)
    }

    /// Decodes embedded codes `[batch*time*space, width]` to patches with values from 0 to 1.
    pub fn decode(&self, embedded: Tensor<B, 2>, grid: Grid) -> Tensor<B, 2> {
        let x = self.decoder_positions.add(apply(&self.expand, embedded), grid);
        self.paint(self.decoder.forward(x, grid))
    }

    /// Decodes embedded codes `[batch*space, width]` of the frames that follow `pasts`.
    ///
    /// Returns patches with values from 0 to 1, and the longer caches.
    pub fn decode_next(
        &self,
        embedded: Tensor<B, 2>,
        pasts: &[Arc<Past<B>>],
    ) -> (Tensor<B, 2>, Vec<Past<B>>) {
        let frames = Past::frames_of_each(pasts);
        let x = self.decoder_positions.add_frames(apply(&self.expand, embedded), &frames);
        let (x, longer) = self.decoder.next_frame(x, pasts);
        (self.paint(x), longer)
    }

    fn paint(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        sigmoid(apply(&self.pixels, x))
    }
}
