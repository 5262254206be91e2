//! Convolutions over the pixels of pictures: the same small network at every place, so that what it says of a motion does not depend on where
//! that is seen. Activations are rows, as everywhere, one a place, and a convolution is a linear layer over neighbourhoods.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use serde::{Deserialize, Serialize};

use super::{apply, fan_in, linear};
use crate::ModelError;
use crate::kernels::{Around, Kernels, around, gelu};

/// Side of a neighbourhood.
const SIDE: usize = 3;
/// Places that one place sees.
pub const NEIGHBOURHOOD: usize = SIDE * SIDE;

/// Convolutions one after the other, each over 3×3 places, with GELU between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConvolutionsConfig {
    /// Values a place after each convolution.
    pub channels: Vec<usize>,
    /// Every how many rows and columns of places each convolution has one. Few places are fast, but motions that begin between them look different.
    pub strides: Vec<usize>,
}

impl Default for ConvolutionsConfig {
    fn default() -> Self {
        Self { channels: vec![32, 64, 64], strides: vec![1, 2, 1] }
    }
}

impl ConvolutionsConfig {
    /// # Errors
    /// If there is not one stride for each number of channels, or anything is zero.
    pub fn check(&self, section: &str) -> Result<(), ModelError> {
        let Self { channels, strides } = self;
        if channels.is_empty()
            || channels.len() != strides.len()
            || channels.iter().chain(strides).any(|n| *n == 0)
        {
            return Err(ModelError::Config(format!(
                "[{section}] channels and strides must be lists of equal length, of numbers of at least 1: {self:?}"
            )));
        }
        Ok(())
    }

    /// Values a place in the end.
    ///
    /// # Panics
    /// Where [`ConvolutionsConfig::check`] fails.
    pub fn width(&self) -> usize {
        *self.channels.last().expect("there is at least one convolution")
    }

    /// Convolutions of pictures of `channels` values a pixel.
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

/// See [`ConvolutionsConfig`].
#[derive(Module, Debug)]
pub struct Convolutions<B: Backend> {
    layers: Vec<Linear<B>>,
    #[module(skip)]
    strides: Vec<usize>,
}

impl<B: Kernels> Convolutions<B> {
    /// Pixels `[pictures, height, width, channels]` to places `[pictures, places, width]`.
    pub fn forward(&self, pixels: Tensor<B, 4>) -> Tensor<B, 3> {
        let [pictures, mut height, mut width, channels] = pixels.dims();
        let mut x = pixels.reshape([pictures * height * width, channels]);
        for (index, (layer, stride)) in self.layers.iter().zip(&self.strides).enumerate() {
            if index > 0 {
                x = gelu(x);
            }
            let shape = Around { pictures, height, width, side: SIDE, stride: *stride };
            x = apply(layer, around(x, shape));
            (height, width) = shape.places();
        }
        let d = x.dims()[1];
        x.reshape([pictures, height * width, d])
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::backend::flex::FlexDevice;
    use burn::tensor::Distribution;

    use super::*;
    use crate::testing::seeded;

    /// Catches: a place that is treated unlike others (by a position, or an edge that reaches inwards), and strides that are not applied: a
    /// picture moved by one stride must give the same values one place further.
    #[test]
    fn what_moves_is_the_same_everywhere() {
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
        assert!((here - there).abs().max().into_scalar() > 0.01, "the spot is not seen at all");
    }

    /// Catches: lists that do not belong together, which would be cut to the shorter one.
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
