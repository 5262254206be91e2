//! The LAM's network: an encoder, a quantizer and a decoder.

use burn::module::{AutodiffModule, Devices, Module, ModuleMapper, ModuleVisitor};
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};

use super::config::{LamConfig, LamPool};
use super::decoder::FrameDecoder;
use super::encoder::MotionEncoder;
use crate::data::FrameSize;
use crate::kernels::Kernels;
use crate::layers::{Grid, Quantized, Quantizer};

/// The network.
///
/// `Module` is written by hand: in a checkpoint the weights of encoder and decoder have no common
/// prefix, and a derived implementation would add one.
#[derive(Clone, Debug)]
pub struct LamNet<B: Backend> {
    encoder: MotionEncoder<B>,
    pub quantizer: Quantizer<B>,
    decoder: FrameDecoder<B>,
}

impl<B: Kernels> LamNet<B> {
    /// A network with random weights for frames of `size`.
    pub fn new(config: &LamConfig, size: FrameSize, device: &B::Device) -> Self {
        let encoder = MotionEncoder::new(config, size, device);
        let quantizer = config.quantizer.init(config.encoder_width(size), device);
        Self { encoder, quantizer, decoder: FrameDecoder::new(config, size, device) }
    }

    /// Encodes patches `[batch*time*space, values]` as actions `[batch*(time-1)]`.
    pub fn encode(
        &self,
        config: &LamConfig,
        patches: Tensor<B, 2>,
        grid: Grid,
        training: bool,
    ) -> Quantized<B> {
        let x = self.encoder.forward(config.sees, patches, grid);
        let pooled = match config.pool {
            LamPool::Mean => x.mean_dim(1),
            LamPool::Max => x.max_dim(1),
        };
        self.quantizer.quantize(pooled.squeeze_dim(1), training)
    }

    /// Predicts frames: see [`FrameDecoder::forward`].
    pub fn decode(
        &self,
        config: &LamConfig,
        frames: &Tensor<B, 2>,
        actions: Tensor<B, 2>,
        grid: Grid,
    ) -> Tensor<B, 2> {
        self.decoder.forward(config, frames, actions, grid)
    }
}

const CONTAINER: &str = "Struct:LamNet";
const QUANTIZER: &str = "quantizer";

impl<B: Backend> Module<B> for LamNet<B> {
    type Record = (
        <MotionEncoder<B> as Module<B>>::Record,
        <Quantizer<B> as Module<B>>::Record,
        <FrameDecoder<B> as Module<B>>::Record,
    );

    fn collect_devices(&self, devices: Devices<B>) -> Devices<B> {
        let devices = self.encoder.collect_devices(devices);
        self.decoder.collect_devices(self.quantizer.collect_devices(devices))
    }

    fn fork(self, device: &B::Device) -> Self {
        Self {
            encoder: self.encoder.fork(device),
            quantizer: self.quantizer.fork(device),
            decoder: self.decoder.fork(device),
        }
    }

    fn to_device(self, device: &B::Device) -> Self {
        Self {
            encoder: self.encoder.to_device(device),
            quantizer: self.quantizer.to_device(device),
            decoder: self.decoder.to_device(device),
        }
    }

    fn visit<V: ModuleVisitor<B>>(&self, visitor: &mut V) {
        match &self.encoder {
            MotionEncoder::Attention(encoder) => encoder.visit(visitor),
            MotionEncoder::Convolution(encoder) => encoder.visit(visitor),
            MotionEncoder::Components(_) => {}
        }
        visitor.enter_module(QUANTIZER, CONTAINER);
        self.quantizer.visit(visitor);
        visitor.exit_module(QUANTIZER, CONTAINER);
        self.decoder.visit(visitor);
    }

    fn map<M: ModuleMapper<B>>(self, mapper: &mut M) -> Self {
        let encoder = match self.encoder {
            MotionEncoder::Attention(encoder) => MotionEncoder::Attention(encoder.map(mapper)),
            MotionEncoder::Convolution(encoder) => MotionEncoder::Convolution(encoder.map(mapper)),
            MotionEncoder::Components(encoder) => MotionEncoder::Components(encoder),
        };
        mapper.enter_module(QUANTIZER, CONTAINER);
        let quantizer = self.quantizer.map(mapper);
        mapper.exit_module(QUANTIZER, CONTAINER);
        Self { encoder, quantizer, decoder: self.decoder.map(mapper) }
    }

    fn load_record(self, (encoder, quantizer, decoder): Self::Record) -> Self {
        Self {
            encoder: self.encoder.load_record(encoder),
            quantizer: self.quantizer.load_record(quantizer),
            decoder: self.decoder.load_record(decoder),
        }
    }

    fn into_record(self) -> Self::Record {
        (self.encoder.into_record(), self.quantizer.into_record(), self.decoder.into_record())
    }
}

impl<B: AutodiffBackend> AutodiffModule<B> for LamNet<B> {
    type InnerModule = LamNet<B::InnerBackend>;

    fn valid(&self) -> Self::InnerModule {
        LamNet {
            encoder: self.encoder.valid(),
            quantizer: self.quantizer.valid(),
            decoder: self.decoder.valid(),
        }
    }

    fn from_inner(module: Self::InnerModule) -> Self {
        Self {
            encoder: MotionEncoder::from_inner(module.encoder),
            quantizer: Quantizer::from_inner(module.quantizer),
            decoder: FrameDecoder::from_inner(module.decoder),
        }
    }
}
