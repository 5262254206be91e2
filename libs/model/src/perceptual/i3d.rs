//! I3D: the features that FVD is defined on, from weights that the user provides.
//!
//! | file | contents |
//! |---|---|
//! | `net` | the network |
//! | `weights` | reading a file of weights |
//! | `table` | the names, shapes and checksums of the genuine weights |

mod net;
mod table;
#[cfg(test)]
mod tests;
mod weights;

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use camino::Utf8Path;

use super::clip_net::{ClipNet, Extractor};
use crate::device::{Device, on_device};
use crate::error::ModelError;
use crate::host;

use super::preprocess::{I3dPreset, SIDE};
use net::I3dNet;
use weights::I3dTensors;

/// Clips per batch of the network. Its first layer takes 26 MB per clip.
const BATCH: usize = 4;

struct I3dExtractor<B: Backend> {
    net: I3dNet<B>,
    device: B::Device,
}

impl<B: Backend> Extractor for I3dExtractor<B> {
    fn features(&self, clips: Vec<f32>, b: usize, t: usize) -> Result<Vec<f32>, ModelError> {
        let clips = Tensor::from_data(TensorData::new(clips, [b, 3, t, SIDE, SIDE]), &self.device);
        host::floats(self.net.forward(clips))
    }
}

/// I3D for Kinetics-400, with weights that the user provides.
pub struct I3d {
    net: ClipNet,
    altered: Vec<String>,
}

impl I3d {
    /// Features per clip: the logits of the 400 classes.
    pub const FEATURES: usize = net::LOGITS;
    /// Fewest frames of a clip.
    pub const FEWEST_FRAMES: usize = net::FEWEST_FRAMES;

    /// Loads weights from a PyTorch state dict (`.pt`, `.pth`, …) or `.safetensors`.
    ///
    /// Fails if the file cannot be read, is a `TorchScript` program, or lacks tensors of I3D.
    pub fn load(path: &Utf8Path, preset: I3dPreset, device: &Device) -> Result<Self, ModelError> {
        Ok(Self::new(I3dTensors::load(path)?, preset, *device))
    }

    fn new(weights: I3dTensors, preset: I3dPreset, device: Device) -> Self {
        let extractor: Box<dyn Extractor> = on_device!(&device, |B, device| {
            Box::new(I3dExtractor::<B> {
                net: I3dNet::new(&weights, preset.epsilon(), &device),
                device,
            })
        });
        let (name, side, fewest_frames) = ("I3D", SIDE, Self::FEWEST_FRAMES);
        let net = ClipNet { extractor, name, preset, side, fewest_frames, batch: BATCH };
        Self { net, altered: weights.altered }
    }

    /// The names of the tensors that differ from the genuine I3D, which defines FVD.
    ///
    /// A distance on these features may be called FVD only if this is empty.
    pub fn altered(&self) -> &[String] {
        &self.altered
    }

    /// Features `[batch, 400]` of clips `[batch, t, height, width, 3]`.
    ///
    /// `size` is (height, width). Fails if the bytes are not whole clips, or if the clips have
    /// fewer than [`I3d::FEWEST_FRAMES`] frames.
    pub fn features(
        &self,
        frames: &[u8],
        t: usize,
        size: (usize, usize),
    ) -> Result<Vec<f32>, ModelError> {
        self.net.features(frames, t, size)
    }
}
