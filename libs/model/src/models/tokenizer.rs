//! The video tokenizer [Genie §2.2]: frames to a grid of codes per frame, and back.
//!
//! Encoder and decoder are ST-transformers: the codes of a frame depend on that frame and on the
//! earlier frames of its window. They never depend on frames outside the window.

mod coder;
mod config;
mod cost;
mod network;
mod task;

use burn::tensor::backend::AutodiffBackend;
use camino::Utf8Path;

use coder::Coder;
pub use coder::Decoding;
pub use config::{TokenizerConfig, TokenizerDescription};
pub use cost::estimate_tokenizer;
use network::TokenizerNet;
use task::TokenizerTask;

use crate::data::{FrameSize, RGB, Video};
use crate::device::Device;
use crate::error::ModelError;
use crate::estimate::Estimate;
use crate::kernels::Kernels;
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
        self.coder.encode(frames, b, self.frames())
    }

    /// Encodes the first frames of a window `[t, height, width, 3]` as tokens `[t, space]`.
    ///
    /// The tokens equal those of the whole window, because later frames have no influence. Fails if
    /// the bytes are not 1 to [`Tokenizer::frames`] whole frames of this tokenizer's size.
    pub fn encode_start(&self, frames: &[u8]) -> Result<Vec<u16>, ModelError> {
        let (height, width) = self.size();
        let frame = height * width * RGB;
        let t = frames.len() / frame;
        if t == 0 || t > self.frames() || !frames.len().is_multiple_of(frame) {
            return Err(ModelError::Data(format!(
                "{} bytes are not 1 to {} frames of {width}×{height} RGB pixels",
                frames.len(),
                self.frames()
            )));
        }
        self.coder.encode(frames, 1, t)
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

    /// Decodes the next frame of several sequences.
    ///
    /// Tokens `[batch, space]` become frames `[batch, height, width, 3]`. Within a window, the
    /// frames equal those of [`Tokenizer::decode`], up to rounding. A sequence may be longer than
    /// the window: the decoder then sees between half a window and a whole window of the last
    /// frames. Fails as [`Tokenizer::decode`] does; all sequences are then as before.
    pub fn decode_next(
        &self,
        sequences: &mut [&mut Decoding],
        tokens: &[u16],
    ) -> Result<Vec<u8>, ModelError> {
        let (rows, columns) = self.grid();
        if tokens.len() != sequences.len() * rows * columns {
            return Err(ModelError::Data(format!(
                "{} tokens are not one frame of {rows}×{columns} tokens for each of {} sequences",
                tokens.len(),
                sequences.len()
            )));
        }
        self.check_tokens(tokens)?;
        if sequences.is_empty() {
            Ok(Vec::new())
        } else {
            self.coder.decode_next(sequences, tokens)
        }
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
