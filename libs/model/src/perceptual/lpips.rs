//! LPIPS: how different two frames look, by features of `AlexNet` that were weighted by people's judgements [Zhang et al. 2018,
//! version 0.1, "LPIPS (alex)"], from weights that the user has.
//!
//! | file | what is in it |
//! |---|---|
//! | `net` | the network |
//! | `weights` | reading a file of weights; whether its last layers are the published ones |

mod net;
#[cfg(test)]
mod tests;
mod weights;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use camino::Utf8Path;

use crate::data::{FrameSize, RGB};
use crate::device::{Device, on_device};
use crate::error::ModelError;
use crate::host;

use net::{LpipsNet, prepare};
use weights::LpipsWeights;

/// Frames that go through the network at once: at 224 × 224 the largest layers take 1.5 MB each.
const BATCH: usize = 32;

/// The network on some backend.
trait Features: Send {
    /// Prepared frames `[n, 3, h, w]` to rows of features.
    fn features(&self, frames: Vec<f32>, shape: [usize; 4]) -> Result<Vec<f32>, ModelError>;
}

struct LpipsExtractor<B: Backend> {
    net: LpipsNet<B>,
    device: B::Device,
}

impl<B: Backend> Features for LpipsExtractor<B> {
    fn features(&self, frames: Vec<f32>, shape: [usize; 4]) -> Result<Vec<f32>, ModelError> {
        let frames = Tensor::from_data(TensorData::new(frames, shape), &self.device);
        host::floats(self.net.forward(frames))
    }
}

/// LPIPS with somebody's weights.
pub struct Lpips {
    net: Box<dyn Features>,
    published: bool,
}

impl Lpips {
    /// Pixels that the shorter side of a frame must have: fewer leave nothing for the deeper layers.
    pub const SMALLEST_SIDE: usize = net::SMALLEST_SIDE;

    /// Loads weights from a `PyTorch` state dict (`.pt`, `.pth`, …) or `.safetensors`.
    ///
    /// # Errors
    /// If the file cannot be read, lacks tensors of LPIPS (alex), or has values in them that LPIPS cannot have.
    pub fn load(path: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        Ok(Self::new(&LpipsWeights::load(path)?, *device))
    }

    fn new(weights: &LpipsWeights, device: Device) -> Self {
        let net: Box<dyn Features> =
            on_device!(&device, |B, device| Box::new(LpipsExtractor::<B> {
                net: LpipsNet::new(weights, &device),
                device
            }));
        Self { net, published: weights.published }
    }

    /// Whether the weights of features are those that version 0.1 was published with. Of `AlexNet` below them nothing is known.
    #[must_use]
    pub fn published(&self) -> bool {
        self.published
    }

    /// Features of frames `[n, h, w, 3]`, where `size` is (height, width): a row for each, for [`Lpips::distance`].
    ///
    /// # Errors
    /// If the bytes are no whole frames, or those are smaller than [`Lpips::SMALLEST_SIDE`].
    pub fn features(&self, frames: &[u8], size: (usize, usize)) -> Result<Vec<f32>, ModelError> {
        let (height, width) = size;
        if height.min(width) < Self::SMALLEST_SIDE {
            return Err(ModelError::Data(format!(
                "frames of {width}×{height} pixels are too small for LPIPS: both sides need at least {}",
                Self::SMALLEST_SIDE
            )));
        }
        FrameSize { height, width, patch: 1, channels: RGB }.windows(frames, 1)?;
        let frame = height * width * RGB;
        let features = frames.chunks(BATCH * frame).map(|chunk| {
            let shape = [chunk.len() / frame, RGB, height, width];
            self.net.features(prepare(chunk, height * width), shape)
        });
        Ok(features.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// LPIPS of two frames of the same size, from their rows of features: 0 where they are equal, above otherwise.
    #[must_use]
    pub fn distance(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
    }
}
