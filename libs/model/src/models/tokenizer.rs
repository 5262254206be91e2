//! The video tokenizer [Genie §2.2]: frames to a grid of codes per frame, and back.
//!
//! Encoder and decoder are ST-transformers: the codes of a frame depend on that frame and on the
//! earlier frames of its window. They never depend on frames outside the window.

mod config;
mod cost;
mod network;
mod task;

use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;

pub use config::{TokenizerConfig, TokenizerDescription};
pub use cost::estimate_tokenizer;
use network::TokenizerNet;
use task::TokenizerTask;

use crate::data::{FrameSize, RGB, Video};
use crate::device::Device;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::host;
use crate::kernels::Kernels;
use crate::layers::indices;
use crate::models::lifecycle::{self, Description, Loaded};
use crate::train::{Outcome, TrainConfig, TrainingObserver};

/// Trains a tokenizer in the directory `run`, or resumes its training there.
///
/// An error leaves the checkpoints that are already in `run` as they are.
pub fn train_tokenizer(
    config: &TokenizerConfig,
    video: &dyn Video,
    run: &Utf8Path,
    device: &Device,
    observer: &mut dyn TrainingObserver,
) -> Result<Outcome, ModelError> {
    let (height, width) = video.size();
    let size = FrameSize { height, width, patch: config.patch, channels: RGB };
    let description = TokenizerDescription { config: config.clone(), size };
    lifecycle::train(&description, video, run, *device, observer)
}

impl Description for TokenizerDescription {
    type Net<B: Kernels> = TokenizerNet<B>;
    type Data<'a> = &'a dyn Video;
    type Task<'a, B>
        = TokenizerTask<'a>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels;
    type Operations = dyn Coder;

    fn check(&self) -> Result<(), ModelError> {
        self.config.check()?;
        self.size.check("tokenizer")
    }

    fn train_config(&self) -> &TrainConfig {
        &self.config.train
    }

    fn cost(&self) -> Result<Estimate, ModelError> {
        estimate_tokenizer(&self.config, (self.size.height, self.size.width))
    }

    fn net<B: Kernels>(&self, device: &B::Device) -> TokenizerNet<B> {
        TokenizerNet::new(&self.config, self.size, device)
    }

    fn task<'a, B>(&'a self, video: &'a dyn Video) -> Result<TokenizerTask<'a>, ModelError>
    where
        B: AutodiffBackend + Kernels,
        B::InnerBackend: Kernels,
    {
        TokenizerTask::new(self, video)
    }

    fn operations<B: Kernels>(loaded: Loaded<B, Self>) -> Box<dyn Coder> {
        Box::new(loaded)
    }
}

/// The operations of a tokenizer on some backend.
pub trait Coder: Send {
    fn encode(&self, frames: &[u8], b: usize) -> Result<Vec<u16>, ModelError>;
    fn decode(&self, tokens: &[u16], b: usize, t: usize) -> Result<Vec<u8>, ModelError>;
    /// Embedded codes `[codes, width]`.
    fn codebook(&self) -> Result<Vec<f32>, ModelError>;
}

impl<B: Kernels> Coder for Loaded<B, TokenizerDescription> {
    fn encode(&self, frames: &[u8], b: usize) -> Result<Vec<u16>, ModelError> {
        let TokenizerDescription { config, size } = &self.description;
        let patches = size.to_patches::<B>(frames, b, config.frames, &self.device);
        host::codes(self.net.encode(patches, size.grid(b, config.frames), false).codes)
    }

    fn decode(&self, tokens: &[u16], b: usize, t: usize) -> Result<Vec<u8>, ModelError> {
        let size = self.description.size;
        let codes = indices::<B>(tokens.iter().map(|token| i64::from(*token)), &self.device);
        let patches = self.net.decode(self.net.quantizer.embed(codes), size.grid(b, t));
        size.patches_to_bytes(patches, b, t)
    }

    fn codebook(&self) -> Result<Vec<f32>, ModelError> {
        let codes = self.description.config.quantizer.size();
        host::floats(self.net.quantizer.embed(indices::<B>(0..codes as i64, &self.device)))
    }
}

/// A trained video tokenizer.
pub struct Tokenizer {
    description: TokenizerDescription,
    coder: Box<dyn Coder>,
}

impl Tokenizer {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// Fails if there is no complete checkpoint or if it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        let (description, coder) = lifecycle::load(run, *device)?;
        Ok(Self { description, coder })
    }

    /// Encodes windows of frames as tokens `[batch, time, space]`.
    ///
    /// The frames are `[batch, time, height, width, 3]`. `time` is [`Tokenizer::frames`], and
    /// `space` is rows times columns of the [`Tokenizer::grid`]. Fails if the bytes are not whole
    /// windows of this tokenizer's frame size.
    pub fn encode(&self, frames: &[u8]) -> Result<Vec<u16>, ModelError> {
        let b = self.description.size.windows(frames, self.frames())?;
        self.coder.encode(frames, b)
    }

    /// Decodes tokens `[batch, t, space]` to frames `[batch, t, height, width, 3]`.
    ///
    /// `t` is at most [`Tokenizer::frames`]. Fails if the tokens are not whole windows of `t`
    /// frames or not in this codebook, or if a pixel is not a finite number.
    pub fn decode(&self, tokens: &[u16], t: usize) -> Result<Vec<u8>, ModelError> {
        let window = t * self.description.size.positions();
        if t == 0 || t > self.frames() || !tokens.len().is_multiple_of(window) {
            return Err(ModelError::Data(format!(
                "{} tokens are not whole windows of {t} frames; a window has 1 to {} frames",
                tokens.len(),
                self.frames()
            )));
        }
        self.check_tokens(tokens)?;
        self.coder.decode(tokens, tokens.len() / window, t)
    }

    /// Replaces each token by its embedded code, as bytes `[tokens, code width]`.
    ///
    /// −1 becomes 0 and 1 becomes 255. Different tokens have different bytes as long as their codes
    /// differ by at least 1/127 in some dimension. Fails if a token is not in this codebook.
    pub fn draw_codes(&self, tokens: &[u16]) -> Result<Vec<u8>, ModelError> {
        self.check_tokens(tokens)?;
        let width = self.code_width();
        let byte = |value: &f32| ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
        let codes: Vec<u8> = self.coder.codebook()?.iter().map(byte).collect();
        Ok(tokens
            .iter()
            .flat_map(|token| &codes[usize::from(*token) * width..][..width])
            .copied()
            .collect())
    }

    fn check_tokens(&self, tokens: &[u16]) -> Result<(), ModelError> {
        let codes = self.codebook_size();
        match tokens.iter().find(|token| usize::from(**token) >= codes) {
            Some(token) => Err(ModelError::Data(format!(
                "token {token} is outside the codebook of {codes} codes: the tokens are of another \
                 tokenizer"
            ))),
            None => Ok(()),
        }
    }

    /// The number of values of an embedded code.
    pub fn code_width(&self) -> usize {
        self.description.config.quantizer.width()
    }

    /// The number of codes.
    pub fn codebook_size(&self) -> usize {
        self.description.config.quantizer.size()
    }

    /// Rows and columns of tokens per frame.
    pub fn grid(&self) -> (usize, usize) {
        self.description.size.patches()
    }

    /// Frames per window.
    pub fn frames(&self) -> usize {
        self.description.config.frames
    }

    /// Height and width of a frame in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.description.size.height, self.description.size.width)
    }
}

#[cfg(test)]
mod tests;
