//! The features of `AlexNet` [Krizhevsky 2014, as in torchvision] after each of its five `ReLU`s.
//!
//! LPIPS scales the features of each position to length 1, squares their differences, weights the
//! channels, and averages over positions. Here the features already contain the square roots of the
//! weights and of the number of positions. LPIPS is then the squared Euclidean distance between two
//! rows of features, so a frame goes through the network only once, even if it is compared with
//! several others.

use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData};

use super::weights::{LAYERS, Layer, LpipsTensors};

/// Fewest pixels of a side: with fewer, the second pooling has no input.
pub const SMALLEST_SIDE: usize = 31;

/// Offset of each colour, from −1 to 1: the network reads (colour − offset) / `SCALE`.
const SHIFT: [f64; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f64; 3] = [0.458, 0.448, 0.450];

/// Added to the length of the features before the division by it.
const EPSILON: f64 = 1e-10;

/// Bytes `[n, h, w, 3]` as floats `[n, 3, h, w]`, where a frame has `pixels` pixels.
pub fn prepare(frames: &[u8], pixels: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(frames.len());
    for frame in frames.chunks_exact(pixels * 3) {
        for (channel, (shift, scale)) in SHIFT.into_iter().zip(SCALE).enumerate() {
            let value = |byte: u8| ((f64::from(byte) / 127.5 - 1.0 - shift) / scale) as f32;
            values.extend(frame.iter().skip(channel).step_by(3).map(|&byte| value(byte)));
        }
    }
    values
}

/// A convolution with a ReLU, and the weights of its features.
struct WeightedLayer<B: Backend> {
    layer: &'static Layer,
    /// Shape `[out, in, k, k]`.
    weight: Tensor<B, 4>,
    /// Shape `[out]`.
    bias: Tensor<B, 1>,
    /// Square roots of the channels' weights, `[1, out, 1, 1]`.
    root: Tensor<B, 4>,
}

impl<B: Backend> WeightedLayer<B> {
    /// Computes `[n, out, h', w']` from `[n, in, h, w]`.
    fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        let Layer { pooled, stride, padding, .. } = *self.layer;
        let x = if pooled { max_pool2d(x, [3, 3], [2, 2], [0, 0], [1, 1], false) } else { x };
        let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], 1);
        relu(conv2d(x, self.weight.clone(), Some(self.bias.clone()), options))
    }

    /// Features `[n, out, h, w]` as rows `[n, out · h · w]`.
    fn row(&self, x: Tensor<B, 4>) -> Tensor<B, 2> {
        let [n, out, h, w] = x.dims();
        let length = x.clone().square().sum_dim(1).sqrt() + EPSILON;
        let row = x / length * self.root.clone() / ((h * w) as f64).sqrt();
        row.reshape([n, out * h * w])
    }
}

/// The network.
pub struct LpipsNet<B: Backend>(Vec<WeightedLayer<B>>);

impl<B: Backend> LpipsNet<B> {
    /// Builds the network from the user's weights.
    pub fn new(weights: &LpipsTensors, device: &B::Device) -> Self {
        let tensor = |data: Vec<f32>, shape: [usize; 4]| {
            Tensor::from_data(TensorData::new(data, shape), device)
        };
        let unit = |layer: &'static Layer| {
            let [weight, bias, judged] =
                layer.tensors().map(|(name, _)| weights.get(&name).to_vec());
            let (out, kernel) = (layer.outputs, layer.kernel);
            let root = judged.iter().map(|&weight| f64::from(weight).sqrt() as f32).collect();
            WeightedLayer {
                layer,
                weight: tensor(weight, [out, layer.inputs, kernel, kernel]),
                bias: Tensor::from_data(TensorData::new(bias, [out]), device),
                root: tensor(root, [1, out, 1, 1]),
            }
        };
        Self(LAYERS.iter().map(unit).collect())
    }

    /// Rows of features of frames `[n, 3, h, w]`.
    pub fn forward(&self, frames: Tensor<B, 4>) -> Tensor<B, 2> {
        let mut x = frames;
        let mut rows = Vec::with_capacity(self.0.len());
        for unit in &self.0 {
            x = unit.forward(x);
            rows.push(unit.row(x.clone()));
        }
        Tensor::cat(rows, 1)
    }
}
