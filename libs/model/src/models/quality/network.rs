//! The network: convolutions over pairs of frames, pooled over a clip, and the clip's scores.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use burn::tensor::backend::Backend;

use super::config::QualityDescription;
use super::input::{MOMENTS, SIZE};
use super::pixels::CHANNELS;
use crate::kernels::{Kernels, gelu};
use crate::layers::{Convolutions, Norm, apply, fan_in, linear};

/// Number of classes: bad and good.
pub const CLASSES: usize = 2;
/// Number of parts of a picture, from left to right, whose features are averaged.
const BANDS: usize = 3;
/// Number of values that each feature has for a clip.
///
/// In a picture they are its maximum and the mean of each part. Of both, they are the mean and the
/// maximum over all moments.
pub const POOLS: usize = 2 * (1 + BANDS);

/// The network. The fields' names are the names of the weights in a checkpoint.
#[derive(Module, Debug)]
pub struct QualityNet<B: Backend> {
    convolutions: Convolutions<B>,
    norm: Norm<B>,
    hidden: Linear<B>,
    classes: Linear<B>,
    /// Columns of positions after the convolutions.
    #[module(skip)]
    columns: usize,
}

impl<B: Kernels> QualityNet<B> {
    /// A network with random weights.
    pub fn new(description: &QualityDescription, device: &B::Device) -> Self {
        let QualityDescription { config, scale } = description;
        let pooled = POOLS * config.convolutions.width();
        let seen = pooled + scale.width();
        Self {
            convolutions: config.convolutions.init(CHANNELS, device),
            norm: Norm::new(pooled, device),
            hidden: linear(seen, config.hidden, fan_in(seen), device),
            // Small weights: at first, both classes are about equally likely.
            classes: linear(config.hidden, CLASSES, 0.1 * fan_in(config.hidden), device),
            columns: SIZE.1.div_ceil(config.convolutions.strides.iter().product()),
        }
    }

    /// Log-probabilities `[clip, class]` of bad and good.
    ///
    /// `pixels` are `[clip*moment, height, width, channel]`, `scores` are `[clip, score]`. In
    /// training, `dropout` are factors of the features of clips, `[clip, feature]`.
    pub fn log_probabilities(
        &self,
        pixels: Tensor<B, 4>,
        scores: Tensor<B, 2>,
        dropout: Option<Tensor<B, 2>>,
    ) -> Tensor<B, 2> {
        let features = self.convolutions.forward(pixels);
        let [pictures, positions, width] = features.dims();
        let features = gelu(features.reshape([pictures * positions, width]));
        let clips = pictures / MOMENTS;
        let shown = self.of_pictures(features, [pictures, positions, width]);
        let shown = shown.reshape([clips, MOMENTS, (1 + BANDS) * width]);
        let pooled = Tensor::cat(
            vec![shown.clone().max_dim(1).squeeze_dim::<2>(1), shown.mean_dim(1).squeeze_dim(1)],
            1,
        );
        let seen = Tensor::cat(vec![self.norm.forward(pooled), scores], 1);
        let seen = match dropout {
            Some(factors) => seen * factors,
            None => seen,
        };
        let hidden = gelu(apply(&self.hidden, seen));
        log_softmax(apply(&self.classes, hidden), 1)
    }

    /// The maximum of the features of each picture, and their means in each part.
    fn of_pictures(&self, features: Tensor<B, 2>, shape: [usize; 3]) -> Tensor<B, 2> {
        let [pictures, positions, width] = shape;
        let (rows, columns) = (positions / self.columns, self.columns);
        let strongest =
            features.clone().reshape([pictures, positions, width]).max_dim(1).squeeze_dim::<2>(1);
        let mut parts = vec![strongest];
        let features = features.reshape([pictures, rows, columns, width]);
        let side = columns / BANDS;
        for band in [0..side, side..columns - side, columns - side..columns] {
            // A picture may have fewer columns than parts.
            let band = if band.is_empty() { 0..columns } else { band };
            let count = rows * band.len();
            let part = features.clone().slice([0..pictures, 0..rows, band, 0..width]);
            parts.push(part.reshape([pictures, count, width]).mean_dim(1).squeeze_dim(1));
        }
        Tensor::cat(parts, 1)
    }
}
