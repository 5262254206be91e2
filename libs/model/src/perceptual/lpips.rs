//! LPIPS: how different two frames look, from weights that the user provides.
//!
//! It weights features of `AlexNet` by people's judgements [Zhang et al. 2018, version 0.1, "LPIPS
//! (alex)"].
//!
//! | file | contents |
//! |---|---|
//! | `net` | the network |
//! | `weights` | reading a file of weights; the checksums of the published ones |

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
use weights::LpipsTensors;

/// Frames per batch of the network.
///
/// At 224 × 224, the largest layers take 1.5 MB per frame.
const BATCH: usize = 32;

/// The network on some backend.
trait FrameNet: Send {
    /// Features of prepared frames `[n, 3, h, w]`, one row per frame.
    fn features(&self, frames: Vec<f32>, shape: [usize; 4]) -> Result<Vec<f32>, ModelError>;
}

struct LpipsExtractor<B: Backend> {
    net: LpipsNet<B>,
    device: B::Device,
}

impl<B: Backend> FrameNet for LpipsExtractor<B> {
    fn features(&self, frames: Vec<f32>, shape: [usize; 4]) -> Result<Vec<f32>, ModelError> {
        let frames = Tensor::from_data(TensorData::new(frames, shape), &self.device);
        host::floats(self.net.forward(frames))
    }
}

/// LPIPS with weights that the user provides.
pub struct Lpips {
    net: Box<dyn FrameNet>,
    published: bool,
}

impl Lpips {
    /// Fewest pixels of a frame's shorter side. The deeper layers need this many.
    pub const SMALLEST_SIDE: usize = net::SMALLEST_SIDE;

    /// Loads weights from a PyTorch state dict (`.pt`, `.pth`, …) or `.safetensors`.
    ///
    /// Fails if the file cannot be read, lacks tensors of LPIPS (alex), or has values that LPIPS
    /// cannot have.
    pub fn load(path: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        Ok(Self::new(&LpipsTensors::load(path)?, *device))
    }

    fn new(weights: &LpipsTensors, device: Device) -> Self {
        let net: Box<dyn FrameNet> =
            on_device!(&device, |B, device| Box::new(LpipsExtractor::<B> {
                net: LpipsNet::new(weights, &device),
                device
            }));
        Self { net, published: weights.published }
    }

    /// Whether the weights of the features are the published ones of version 0.1.
    ///
    /// `AlexNet`'s own weights cannot be checked: they have no published checksums.
    #[must_use]
    pub fn published(&self) -> bool {
        self.published
    }

    /// Features of frames `[n, height, width, 3]`, one row per frame, for [`Lpips::distance`].
    ///
    /// `size` is (height, width). Fails if the bytes are not whole frames, or if the frames are
    /// smaller than [`Lpips::SMALLEST_SIDE`].
    pub fn features(&self, frames: &[u8], size: (usize, usize)) -> Result<Vec<f32>, ModelError> {
        let (height, width) = size;
        if height.min(width) < Self::SMALLEST_SIDE {
            return Err(ModelError::Data(format!(
                "frames of {width}×{height} pixels are too small for LPIPS: both sides need at \
                 least {}",
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

    /// LPIPS of two frames of the same size, from their features. It is 0 if the frames are equal.
    #[must_use]
    pub fn distance(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum()
    }
}
