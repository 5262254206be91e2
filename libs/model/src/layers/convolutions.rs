//! Convolutions over the pixels of images.
//!
//! A convolution computes the same function at every position, so a motion has the same features
//! wherever it is. Activations are rows, one per position. A convolution is a linear layer over
//! neighbourhoods.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::linear::{apply, fan_in, linear};
use crate::ModelError;
use crate::kernels::{Kernels, UnfoldShape, gelu, unfold};

/// Side of a neighbourhood, in positions.
const SIDE: usize = 3;
/// Number of positions in a neighbourhood.
pub const NEIGHBOURHOOD: usize = SIDE * SIDE;

/// Shape of a sequence of 3×3 convolutions with GELU between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConvolutionsConfig {
    /// Number of output channels of each convolution, at least 1.
    pub channels: Vec<usize>,
    /// Stride of each convolution in rows and columns, at least 1; as many as there are `channels`.
    ///
    /// Larger strides are faster, but the features of a motion then depend on where it begins.
    pub strides: Vec<usize>,
}

impl Default for ConvolutionsConfig {
    fn default() -> Self {
        Self { channels: vec![32, 64, 64], strides: vec![1, 2, 1] }
    }
}

impl ConvolutionsConfig {
    /// Checks that each convolution has a stride, and that no number is zero.
    pub fn check(&self, section: &str) -> Result<(), ModelError> {
        let Self { channels, strides } = self;
        if channels.is_empty()
            || channels.len() != strides.len()
            || channels.iter().chain(strides).any(|n| *n == 0)
        {
            return Err(ModelError::Config(format!(
                "[{section}] channels and strides must be lists of equal length, of numbers of at \
                 least 1: {self:?}"
            )));
        }
        Ok(())
    }

    /// Output channels of the last convolution.
    ///
    /// # Panics
    /// If [`ConvolutionsConfig::check`] fails.
    pub fn width(&self) -> usize {
        *self.channels.last().expect("there is at least one convolution")
    }

    /// Convolutions of images with `channels` values per pixel.
    pub fn init<B: Backend>(&self, channels: usize, device: &B::Device) -> Convolutions<B> {
        let inputs = std::iter::once(&channels)
            .chain(&self.channels)
            .map(|channels| NEIGHBOURHOOD * channels);
        let layer =
            |(inputs, outputs): (usize, &usize)| linear(inputs, *outputs, fan_in(inputs), device);
        Convolutions {
            layers: inputs.zip(&self.channels).map(layer).collect(),
            strides: self.strides.clone(),
        }
    }
}

/// A sequence of convolutions; see [`ConvolutionsConfig`].
#[derive(Module, Debug)]
pub struct Convolutions<B: Backend> {
    layers: Vec<Linear<B>>,
    #[module(skip)]
    strides: Vec<usize>,
}

impl<B: Kernels> Convolutions<B> {
    /// Pixels `[images, height, width, channels]` to features `[images, positions, channels]`.
    pub fn forward(&self, pixels: Tensor<B, 4>) -> Tensor<B, 3> {
        let [images, mut height, mut width, channels] = pixels.dims();
        let mut x = pixels.reshape([images * height * width, channels]);
        for (index, (layer, stride)) in self.layers.iter().zip(&self.strides).enumerate() {
            if index > 0 {
                x = gelu(x);
            }
            let shape = UnfoldShape { images, height, width, side: SIDE, stride: *stride };
            x = apply(layer, unfold(x, shape));
            (height, width) = shape.outputs();
        }
        let d = x.dims()[1];
        x.reshape([images, height * width, d])
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::backend::flex::FlexDevice;
    use burn::tensor::Distribution;

    use super::*;
    use crate::testing::seeded;

    /// Catches: features depend on the position, padding at an edge changes inner features, or the
    /// stride has no effect.
    ///
    /// An image moved by one stride must have the same features, moved by one position.
    #[test]
    fn features_of_a_moved_image_are_moved() {
        let config = ConvolutionsConfig { channels: vec![8, 6], strides: vec![1, 2] };
        let convolutions = seeded(1, || config.init::<Flex>(3, &FlexDevice));
        let spot = Tensor::<Flex, 4>::random([1, 2, 2, 3], Distribution::Default, &FlexDevice);
        let seen = |row: usize, column: usize| {
            let pixels = Tensor::zeros([1, 16, 16, 3], &FlexDevice);
            let pixels =
                pixels.slice_assign([0..1, row..row + 2, column..column + 2, 0..3], spot.clone());
            convolutions.forward(pixels).reshape([8, 8, config.width()])
        };
        let (here, there) = (seen(4, 4), seen(8, 6));
        let around = |x: Tensor<Flex, 3>, row: usize, column: usize| {
            x.slice([row..row + 4, column..column + 4])
        };
        assert_eq!(around(here.clone(), 1, 1).into_data(), around(there.clone(), 3, 2).into_data());
        assert!((here - there).abs().max().into_scalar() > 0.01, "the spot has no effect");
    }

    /// Catches: lists of different lengths are cut to the shorter one.
    #[test]
    fn every_convolution_has_a_stride() {
        let check = |channels: &[usize], strides: &[usize]| {
            ConvolutionsConfig { channels: channels.to_vec(), strides: strides.to_vec() }
                .check("lam")
                .is_ok()
        };
        assert!(check(&[8, 8], &[1, 2]));
        assert!(
            !check(&[8, 8], &[1]) && !check(&[], &[]) && !check(&[8], &[0]) && !check(&[0], &[1])
        );
    }
}
