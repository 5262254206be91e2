//! Inflated Inception v1 [Carreira & Zisserman 2017], the network of I3D.
//!
//! It is the graph of `i3d-kinetics-400/1`, which published FVD comes from. Its padding is
//! TensorFlow's "same": if the number of zeros is odd, one more goes behind than before. Batch
//! normalisation uses moving averages. The 400 logits, before the softmax, are averaged over time.
//!
//! The network is for inference only, so batch normalisation is folded into the convolutions. Burn
//! has no asymmetric padding and no three-dimensional pooling. So tensors are padded first where
//! the padding is uneven, and the maximum is taken over space and then over time, which is the
//! same. TensorFlow's maximum ignores the padding. Zeros have the same effect here, because all
//! values come from a ReLU.

use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::module::{conv3d, max_pool2d};
use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{Tensor, TensorData};

use super::weights::I3dTensors;

/// Logits per clip.
pub const LOGITS: usize = 400;
/// Fewest frames of a clip. The head averages over two steps of eight frames.
pub const FEWEST_FRAMES: usize = 9;

/// A stage of the network.
enum I3dStage<B: Backend> {
    Unit(ConvUnit<B>),
    Max { kernel: [usize; 2], stride: [usize; 2] },
    Mixed([ConvUnit<B>; 6]),
}

/// A convolution with "same" padding and a ReLU.
struct ConvUnit<B: Backend> {
    /// Shape `[out, in, t, h, w]`.
    weight: Tensor<B, 5>,
    /// Shape `[out]`.
    bias: Tensor<B, 1>,
    stride: [usize; 3],
}

/// Zeros before and behind a side of `length`.
///
/// With them, a window of `kernel` at every `stride`-th position covers the whole side.
fn same(length: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let missing = ((length.div_ceil(stride) - 1) * stride + kernel).saturating_sub(length);
    (missing / 2, missing - missing / 2)
}

impl<B: Backend> ConvUnit<B> {
    /// Computes `[batch, out, t / stride, …]` from `[batch, in, t, h, w]`.
    fn forward(&self, x: Tensor<B, 5>) -> Tensor<B, 5> {
        let ([.., t, h, w], [.., kt, kh, kw]) = (x.dims(), self.weight.dims());
        let [st, sh, sw] = self.stride;
        let pads = [same(t, kt, st), same(h, kh, sh), same(w, kw, sw)];
        let even = pads.iter().all(|(before, behind)| before == behind);
        let (x, padding) = if even {
            (x, pads.map(|pad| pad.0))
        } else {
            (x.pad(pads, PadMode::Constant(0.0)), [0; 3])
        };
        let options = ConvOptions::new(self.stride, padding, [1; 3], 1);
        relu(conv3d(x, self.weight.clone(), Some(self.bias.clone()), options))
    }
}

/// The maximum over windows of `[time, space]`, with "same" padding.
fn max_pool<B: Backend>(
    x: Tensor<B, 5>,
    [kt, ks]: [usize; 2],
    [st, ss]: [usize; 2],
) -> Tensor<B, 5> {
    let [b, c, t, h, w] = x.dims();
    let pads = [same(t, kt, st), same(h, ks, ss), same(w, ks, ss)];
    let x = x.pad(pads, PadMode::Constant(0.0));
    let [.., padded_t, padded_h, padded_w] = x.dims();
    let x = max_pool2d(
        x.reshape([b, c * padded_t, padded_h, padded_w]),
        [ks, ks],
        [ss, ss],
        [0, 0],
        [1, 1],
        false,
    );
    let [.., h, w] = x.dims();
    let x = max_pool2d(x.reshape([b, c, padded_t, h * w]), [kt, 1], [st, 1], [0, 0], [1, 1], false);
    let [_, _, t, _] = x.dims();
    x.reshape([b, c, t, h, w])
}

/// The network.
pub struct I3dNet<B: Backend> {
    stages: Vec<I3dStage<B>>,
    /// Shape `[1024, 400]`.
    logits: Tensor<B, 2>,
    bias: Tensor<B, 2>,
}

impl<B: Backend> I3dNet<B> {
    /// Builds the network from the user's weights.
    pub fn new(weights: &I3dTensors, epsilon: f64, device: &B::Device) -> Self {
        let unit = |name: &str, stride: usize| {
            let (weight, bias, shape) = weights.folded(name, epsilon);
            ConvUnit {
                weight: Tensor::from_data(TensorData::new(weight, shape), device),
                bias: Tensor::from_data(TensorData::new(bias, [shape[0]]), device),
                stride: [stride; 3],
            }
        };
        let single = |name, stride| I3dStage::Unit(unit(name, stride));
        let mixed = |name: &str| {
            I3dStage::Mixed(
                ["b0", "b1a", "b1b", "b2a", "b2b", "b3b"]
                    .map(|part| unit(&format!("{name}.{part}"), 1)),
            )
        };
        let max = |kernel, stride| I3dStage::Max { kernel, stride };
        let stages = vec![
            single("Conv3d_1a_7x7", 2),
            max([1, 3], [1, 2]),
            single("Conv3d_2b_1x1", 1),
            single("Conv3d_2c_3x3", 1),
            max([1, 3], [1, 2]),
            mixed("Mixed_3b"),
            mixed("Mixed_3c"),
            max([3, 3], [2, 2]),
            mixed("Mixed_4b"),
            mixed("Mixed_4c"),
            mixed("Mixed_4d"),
            mixed("Mixed_4e"),
            mixed("Mixed_4f"),
            max([2, 2], [2, 2]),
            mixed("Mixed_5b"),
            mixed("Mixed_5c"),
        ];
        let head = weights.get("logits.conv3d.weight");
        let logits = Tensor::<B, 2>::from_data(
            TensorData::new(head.to_vec(), [LOGITS, head.len() / LOGITS]),
            device,
        );
        let bias = TensorData::new(weights.get("logits.conv3d.bias").to_vec(), [1, LOGITS]);
        Self { stages, logits: logits.transpose(), bias: Tensor::from_data(bias, device) }
    }

    /// Logits `[batch, 400]` of clips `[batch, 3, t, 224, 224]`.
    pub fn forward(&self, clips: Tensor<B, 5>) -> Tensor<B, 2> {
        let cells = self.stages.iter().fold(clips, |x, stage| match stage {
            I3dStage::Unit(unit) => unit.forward(x),
            I3dStage::Max { kernel, stride } => max_pool(x, *kernel, *stride),
            I3dStage::Mixed(units) => mixed(units, x),
        });
        // The head averages 2 × 7 × 7 values at every step, computes 400 logits of each, and
        // averages them over time. All of this is linear, so the means are taken first.
        let [b, c, t, h, w] = cells.dims();
        let steps = cells.reshape([b, c, t, h * w]).mean_dim(3).reshape([b, c, t]);
        let pairs = (steps.clone().narrow(2, 0, t - 1) + steps.narrow(2, 1, t - 1)) * 0.5;
        pairs.mean_dim(2).reshape([b, c]).matmul(self.logits.clone()) + self.bias.clone()
    }
}

/// An inception block: four parallel branches.
fn mixed<B: Backend>(
    [b0, b1a, b1b, b2a, b2b, b3b]: &[ConvUnit<B>; 6],
    x: Tensor<B, 5>,
) -> Tensor<B, 5> {
    let branches = vec![
        b0.forward(x.clone()),
        b1b.forward(b1a.forward(x.clone())),
        b2b.forward(b2a.forward(x.clone())),
        b3b.forward(max_pool(x, [3, 3], [1, 1])),
    ];
    Tensor::cat(branches, 1)
}
