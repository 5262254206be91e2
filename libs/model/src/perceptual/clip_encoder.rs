//! A small clip encoder, for distances between sets of clips if the user has no weights of I3D.
//!
//! Nothing in it is trained. Its filters are random and fixed by a seed. Networks with random
//! weights work in Fréchet-type distances, but they do not measure human perception.
//!
//! The encoder has two layers of convolutions over time and space. A feature is the mean response
//! of one filter over a clip, as a logarithm, so that faint motion also has an effect if edges are
//! strong. Half of the filters of the first layer respond only to change: their sum over time is
//! zero. Six more respond only to edges, and two also to colour.
//!
//! A distance has the unit of these features. It compares only with distances of an encoder that
//! has the same [`ClipEncoder::hash`].

use burn::tensor::activation::relu;
use burn::tensor::backend::Backend;
use burn::tensor::module::conv3d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::clip_net::{ClipNet, Extractor};
use super::preprocess::I3dPreset;
use crate::device::{Device, on_device};
use crate::error::ModelError;
use crate::host;

/// Side that frames are resized to, in pixels.
const SIDE: usize = 64;
/// Filters per layer.
const FILTERS: usize = 16;
/// Filters of the first layer that respond only to change.
const CHANGE: usize = 8;
/// Filters of the first layer that respond only to edges.
const EDGES: usize = 6;
const FIRST: [usize; 5] = [FILTERS, 3, 3, 5, 5];
const FIRST_STRIDE: [usize; 3] = [1, 2, 2];
const SECOND: [usize; 5] = [FILTERS, FILTERS, 3, 3, 3];
const SECOND_STRIDE: [usize; 3] = [2, 2, 2];
/// Responses far below this make no difference to a feature.
const FAINT: f64 = 0.01;
/// A response of about this size gives a feature of about 0.
const TYPICAL: f64 = 0.1;
const SEED: u64 = 1;
/// Clips per batch of the network.
const BATCH: usize = 16;

struct ClipEncoderExtractor<B: Backend> {
    first: Tensor<B, 5>,
    second: Tensor<B, 5>,
    device: B::Device,
}

impl<B: Backend> Extractor for ClipEncoderExtractor<B> {
    fn features(&self, clips: Vec<f32>, b: usize, t: usize) -> Result<Vec<f32>, ModelError> {
        let layer = |x: Tensor<B, 5>, filters: &Tensor<B, 5>, stride| {
            relu(conv3d(x, filters.clone(), None, ConvOptions::new(stride, [0; 3], [1; 3], 1)))
        };
        let strength = |x: &Tensor<B, 5>| {
            let [b, c, ..] = x.dims();
            (x.clone().reshape([b as i32, c as i32, -1]).mean_dim(2).reshape([b, c]) + FAINT)
                .div_scalar(TYPICAL)
                .log()
        };
        let clips = Tensor::from_data(TensorData::new(clips, [b, 3, t, SIDE, SIDE]), &self.device);
        let first = layer(clips, &self.first, FIRST_STRIDE);
        let second = layer(first.clone(), &self.second, SECOND_STRIDE);
        host::floats(Tensor::cat(vec![strength(&first), strength(&second)], 1))
    }
}

/// The encoder on a device.
pub struct ClipEncoder {
    net: ClipNet,
    hash: String,
}

impl ClipEncoder {
    /// Features per clip.
    pub const FEATURES: usize = 2 * FILTERS;
    /// Fewest frames of a clip: the two layers need at least this many.
    pub const FEWEST_FRAMES: usize = 5;

    /// Builds the encoder.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        let (first, second) = filters();
        let mut hasher = blake3::Hasher::new();
        hasher.update(
            format!("{SIDE} {FIRST_STRIDE:?} {SECOND_STRIDE:?} {FAINT} {TYPICAL}").as_bytes(),
        );
        first.iter().chain(&second).for_each(|value| {
            hasher.update(&value.to_le_bytes());
        });
        let mut hash = hasher.finalize().to_hex().to_string();
        hash.truncate(16);
        let extractor: Box<dyn Extractor> = on_device!(device, |B, device| {
            Box::new(ClipEncoderExtractor::<B> {
                first: Tensor::from_data(TensorData::new(first, FIRST), &device),
                second: Tensor::from_data(TensorData::new(second, SECOND), &device),
                device,
            })
        });
        let (name, preset, fewest_frames) =
            ("the clip encoder", I3dPreset::Default, Self::FEWEST_FRAMES);
        Self {
            net: ClipNet { extractor, name, preset, side: SIDE, fewest_frames, batch: BATCH },
            hash,
        }
    }

    /// Identifies the encoder: the first 16 hex digits of a hash of all filters.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Features `[batch, FEATURES]` of clips `[batch, t, height, width, 3]`.
    ///
    /// `size` is (height, width). Fails if the bytes are not whole clips, or if the clips have
    /// fewer than [`ClipEncoder::FEWEST_FRAMES`] frames.
    pub fn features(
        &self,
        frames: &[u8],
        t: usize,
        size: (usize, usize),
    ) -> Result<Vec<f32>, ModelError> {
        self.net.features(frames, t, size)
    }
}

/// The filters of both layers, each of length 1.
fn filters() -> (Vec<f32>, Vec<f32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut random =
        |count: usize| -> Vec<f64> { (0..count).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let [_, colours, times, rows, columns] = FIRST;
    let (place, size) = (rows * columns, colours * times * rows * columns);
    let mut first = random(FILTERS * size);
    for (number, filter) in first.chunks_exact_mut(size).enumerate() {
        if number < CHANGE {
            for colour in filter.chunks_exact_mut(times * place) {
                for at in 0..place {
                    centre(colour.iter_mut().skip(at).step_by(place));
                }
            }
        } else if number < CHANGE + EDGES {
            filter.chunks_exact_mut(place).for_each(|picture| centre(picture.iter_mut()));
        }
    }
    let size = SECOND.iter().skip(1).product();
    let mut second = random(FILTERS * size);
    second.chunks_exact_mut(size).for_each(|filter| centre(filter.iter_mut()));
    (of_length_one(&first, FILTERS), of_length_one(&second, FILTERS))
}

/// Subtracts the mean.
fn centre<'a>(values: impl Iterator<Item = &'a mut f64>) {
    let values: Vec<_> = values.collect();
    let mean = values.iter().map(|value| **value).sum::<f64>() / values.len() as f64;
    for value in values {
        *value -= mean;
    }
}

fn of_length_one(filters: &[f64], count: usize) -> Vec<f32> {
    let size = filters.len() / count;
    let scaled = |filter: &[f64]| {
        let length = filter.iter().map(|value| value * value).sum::<f64>().sqrt();
        filter.iter().map(|value| (value / length) as f32).collect::<Vec<_>>()
    };
    filters.chunks_exact(size).flat_map(scaled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: usize = 9;
    const SIZE: usize = 24;

    /// A bright square on a dark, striped ground. At frame t its left side is at `place(t)`.
    fn clip(place: impl Fn(usize) -> usize, sharp: bool) -> Vec<u8> {
        let pixel = |t: usize, y: usize, x: usize| {
            let (left, top) = (place(t), 8);
            if (left..left + 6).contains(&x) && (top..top + 6).contains(&y) {
                [230, 90, 40]
            } else if sharp && x % 4 < 2 {
                [30, 60, 90]
            } else {
                [40, 70, 100]
            }
        };
        (0..T * SIZE * SIZE)
            .flat_map(|i| pixel(i / (SIZE * SIZE), i / SIZE % SIZE, i % SIZE))
            .collect()
    }

    fn features(clip: &[u8]) -> Vec<f32> {
        ClipEncoder::new(&Device::Cpu).features(clip, T, (SIZE, SIZE)).unwrap()
    }

    fn apart(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
    }

    /// Catches: the encoder changed, but reports still name the old one; the encoder differs from
    /// run to run.
    #[test]
    fn it_is_the_encoder_that_reports_name() {
        assert_eq!(ClipEncoder::new(&Device::Cpu).hash(), "53cab17ff40bd1a9");
    }

    /// Catches: features are computed from single frames, so the order of frames has no effect;
    /// filters for change respond to a still picture.
    #[test]
    fn it_sees_motion() {
        let moving = features(&clip(|t| t, true));
        let still = features(&clip(|_| 4, true));
        let jumping = features(&clip(|t| t * 5 % T, true));
        assert!(
            still[..CHANGE]
                .iter()
                .all(|&strength| (f64::from(strength) - (FAINT / TYPICAL).ln()).abs() < 1e-3),
            "{still:?}"
        );
        assert!(
            apart(&moving, &still) > 1.0 && apart(&moving, &jumping) > 0.3,
            "{moving:?}\n{jumping:?}"
        );
    }

    /// Catches: features respond to motion only.
    #[test]
    fn it_sees_detail() {
        assert!(apart(&features(&clip(|t| t, true)), &features(&clip(|t| t, false))) > 0.3);
    }

    /// Catches: clips are mixed up within a batch; clips that are too short cause a panic.
    #[test]
    fn a_batch_is_its_clips() {
        let clips = [clip(|t| t, true), clip(|_| 4, true), clip(|t| 12 - t, false)];
        let together =
            ClipEncoder::new(&Device::Cpu).features(&clips.concat(), T, (SIZE, SIZE)).unwrap();
        for (clip, found) in clips.iter().zip(together.chunks(ClipEncoder::FEATURES)) {
            assert!(apart(&features(clip), found) < 1e-5);
        }
        let encoder = ClipEncoder::new(&Device::Cpu);
        assert!(
            encoder
                .features(&[0; 4 * 12], 4, (2, 2))
                .unwrap_err()
                .to_string()
                .contains("at least 5")
        );
    }
}
