//! The latent action model (LAM) [Genie §2.1.1]: it names what happens between two frames.
//!
//! The names are a few codes, the latent actions, and the model learns them from pixels alone. The
//! encoder sees frames up to `x_{t+1}`. The decoder must predict `x_{t+1}` from `x_1..x_t` and the
//! code. After training only the encoder and its codes are used.
//!
//! The paper's recipe collapses at small scale (`docs/log/`), so each of its choices has an
//! alternative that works:
//!
//! - an encoder of frame pairs, which it reads by convolution or by independent components
//! - the maximum over all positions instead of their mean
//! - a decoder that starts at copying the last frame, and predicts the change
//! - a larger weight for changed pixels
//! - only the part of the frame that stays in place while the picture scrolls
//! - `fsq` codes of centred vectors, and a reward for using all codes
//!
//! Guarantee: action t depends on frames up to t+1 only.

mod components;
mod config;
mod cost;
mod decoder;
mod eigen;
mod encoder;
mod network;
mod pairs;
mod rows;
mod scroll;
mod still;
mod task;

use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;

pub use config::{
    LamConfig, LamDescription, LamHistory, LamInput, LamPool, LamReads, LamRegion, LamSees,
    LamTarget,
};
pub use cost::estimate_lam;
use network::LamNet;
use pairs::grey;
use scroll::Scroll;
use still::still_region;
use task::LamTask;

use crate::data::{CroppedVideo, FrameSize, FramesSeen, Video};
use crate::device::Device;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::host;
use crate::kernels::Kernels;
use crate::models::lifecycle::{self, Description, Loaded};
use crate::train::{Outcome, TrainConfig, TrainingObserver};

/// Trains a latent action model in the directory `run`, or resumes its training there.
///
/// With [`LamInput::Tokens`], the video shows codes ([`crate::Tokenizer::draw_codes`]). With
/// [`LamRegion::Still`], the region is searched for in the video first. An error leaves the
/// checkpoints that are already in `run` as they are.
pub fn train_lam(
    config: &LamConfig,
    video: &dyn Video,
    run: &Utf8Path,
    device: &Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    config.check()?;
    let crop = match config.region {
        LamRegion::Frame => None,
        LamRegion::Still => still_region(video, config.patch)?,
    };
    let cropped = crop.map(|crop| CroppedVideo::new(video, crop));
    let video = cropped.as_ref().map_or(video, |cropped| cropped as &dyn Video);
    let (height, width) = video.size();
    let size = FrameSize { height, width, patch: config.patch, channels: video.channels() };
    let description = LamDescription { config: config.clone(), size, crop };
    lifecycle::train(&description, video, run, *device, observer)
}

impl Description for LamDescription {
    type Net<B: Kernels> = LamNet<B>;
    type Data<'a> = &'a dyn Video;
    type Task<'a, B>
        = LamTask<'a>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    type Operations = dyn ActionEncoder;

    fn check(&self) -> Result<(), ModelError> {
        self.config.check()?;
        self.size.check("lam")?;
        self.config.check_frames((self.size.height, self.size.width))
    }

    fn train_config(&self) -> &TrainConfig {
        &self.config.train
    }

    fn cost(&self) -> Result<Estimate, ModelError> {
        estimate_lam(&self.config, (self.size.height, self.size.width), self.size.channels)
    }

    fn net<B: Kernels>(&self, device: &B::Device) -> LamNet<B> {
        LamNet::new(&self.config, self.size, device)
    }

    fn task<'a, B>(&'a self, video: &'a dyn Video) -> Result<LamTask<'a>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels,
    {
        LamTask::new(self, video)
    }

    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<dyn ActionEncoder> {
        Box::new(loaded)
    }
}

/// The operation of a latent action model on some backend.
pub trait ActionEncoder: Send {
    fn actions(&self, frames: &[u8], b: usize, t: usize) -> Result<Vec<u8>, ModelError>;
}

impl<B: Kernels> ActionEncoder for Loaded<B, LamDescription> {
    fn actions(&self, frames: &[u8], b: usize, t: usize) -> Result<Vec<u8>, ModelError> {
        let LamDescription { config, size, .. } = &self.description;
        let patches = size.to_patches::<B>(frames, b, t, &self.device);
        host::codes(self.net.encode(config, patches, size.grid(b, t), false).codes)
    }
}

/// A trained latent action model.
pub struct Lam {
    description: LamDescription,
    encoder: Box<dyn ActionEncoder>,
}

impl Lam {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// Fails if there is no complete checkpoint or if it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        let (description, encoder) = lifecycle::load(run, *device)?;
        Ok(Self { description, encoder })
    }

    /// Labels windows of frames `[batch, t, height, width, channels]` with latent actions.
    ///
    /// The actions are `[batch, t-1]`: entry t leads from frame t to frame t+1. With
    /// [`LamInput::Tokens`] the frames show codes. Fails if the bytes are not whole windows of this
    /// model's frame size, or if the windows are longer than the model's temporal attention.
    pub fn actions(&self, frames: &[u8], t: usize) -> Result<Vec<u8>, ModelError> {
        let LamDescription { config, size, crop } = &self.description;
        if t < 2 || (config.encoder.temporal && t > config.frames) {
            return Err(ModelError::Data(format!(
                "cannot label windows of {t} frames: this latent action model takes 2 to {} \
                 frames ([lam] frames)",
                config.frames
            )));
        }
        let b = self.description.frame().windows(frames, t)?;
        let mut actions = match crop {
            None => self.encoder.actions(frames, b, t)?,
            Some(crop) => {
                let mut seen = Vec::with_capacity(b * t * size.bytes());
                crop.cut(frames, size.channels, &mut seen);
                self.encoder.actions(&seen, b, t)?
            }
        };
        if config.scroll {
            // At most 256 actions: the config was checked.
            let codes = config.quantizer.size() as u8;
            let directions = directions(frames, self.description.frame(), t);
            actions.iter_mut().zip(directions).for_each(|(action, way)| *action += way * codes);
        }
        Ok(actions)
    }

    /// The number of latent actions.
    pub fn num_actions(&self) -> usize {
        self.description.config.num_actions()
    }

    /// Frames that the model sees for an action.
    pub fn seen(&self) -> FramesSeen {
        self.description.config.seen()
    }

    /// What a frame consists of.
    pub fn input(&self) -> LamInput {
        self.description.config.input
    }

    /// Values per pixel, or per token.
    pub fn channels(&self) -> usize {
        self.description.size.channels
    }

    /// Height and width of a frame in pixels, or in tokens.
    pub fn size(&self) -> (usize, usize) {
        let size = self.description.frame();
        (size.height, size.width)
    }
}

/// The direction of the scroll of each pair of frames of windows of `t` frames.
fn directions(frames: &[u8], size: FrameSize, t: usize) -> impl Iterator<Item = u8> {
    let pixels = size.height * size.width;
    let window = move |bytes: &[u8]| {
        let grey = grey(bytes, size.channels);
        let frames: Vec<&[f32]> = grey.chunks_exact(pixels).collect();
        let pairs = frames.windows(2);
        pairs
            .map(|pair| Scroll::between(pair[0], pair[1], (size.height, size.width)).direction())
            .collect::<Vec<u8>>()
    };
    frames.chunks_exact(t * size.bytes()).flat_map(window)
}

#[cfg(test)]
mod tests;
