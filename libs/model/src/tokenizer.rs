//! The video tokenizer [Genie §2.2]: frames to a grid of codes and back, by an ST-transformer on each side, so that a frame's codes know
//! the frames before it. A window is coded from its own frames only.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::sigmoid;
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor};
use camino::Utf8Path;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::data::{Video, Windows};
use crate::device::{Device, on_device, on_devices};
use crate::estimate::estimate_tokenizer;
use crate::frames::{FrameSize, RGB};
use crate::host;
use crate::kernels::Kernels;
use crate::layers::{
    Positions, Quantized, Quantizer, QuantizerConfig, Stack, StackConfig, apply, change_weights,
    fan_in, indices, linear, patchify, reseed, unpatchify, usage,
};
use crate::train::{self, Loss, Outcome, Task, TrainConfig, Watch};

/// The `[tokenizer]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenizerConfig {
    /// Where to train and run: `cpu` or `cuda[:n,…]`.
    pub device: String,
    /// Frames a window.
    pub frames: usize,
    /// Side of a square patch in pixels.
    pub patch: usize,
    /// The encoder.
    pub encoder: StackConfig,
    /// The decoder.
    pub decoder: StackConfig,
    /// The codes.
    pub quantizer: QuantizerConfig,
    /// Weight of pixels that differ from the frame before, relative to the others' 1.
    pub changed_pixel_weight: f64,
    /// Training.
    pub train: TrainConfig,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        let stack = StackConfig {
            layers: 2,
            d: 128,
            heads: 4,
            head_dim: 0,
            ffn_mult: 4,
            qk_norm: false,
            temporal: true,
        };
        Self {
            device: "cpu".into(),
            frames: 16,
            patch: 4,
            encoder: stack.clone(),
            decoder: stack,
            quantizer: QuantizerConfig::default(),
            changed_pixel_weight: 1.0,
            train: TrainConfig::default(),
        }
    }
}

/// What a checkpoint says about how to build its model.
#[derive(Serialize, Deserialize)]
#[serde(tag = "model", rename = "tokenizer")]
struct Description {
    config: TokenizerConfig,
    size: FrameSize,
}

impl TokenizerConfig {
    /// # Errors
    /// If no model can be built from it.
    pub fn check(&self) -> Result<(), ModelError> {
        self.encoder.check("tokenizer.encoder")?;
        self.decoder.check("tokenizer.decoder")?;
        // Tokens are u16, and the dynamics model's mask token is the number after the last code.
        self.quantizer.check("tokenizer", usize::from(u16::MAX))?;
        self.train.check("tokenizer")?;
        if self.frames < 2 || self.patch == 0 {
            return Err(ModelError::Config(
                "[tokenizer] frames must be at least 2 and patch at least 1".into(),
            ));
        }
        Ok(())
    }

    /// Frames that are drawn together in training. Where no frame sees another they are drawn one by one: sixteen frames of sixteen clips say
    /// more than sixteen of one.
    pub fn span(&self) -> usize {
        let alone =
            !self.encoder.temporal && !self.decoder.temporal && self.changed_pixel_weight == 1.0;
        if alone { 1 } else { self.frames }
    }

    /// Windows of [`TokenizerConfig::span`] frames in a part of a step, which hold as many frames as its whole windows would.
    pub fn windows_a_part(&self) -> usize {
        self.train.part() * self.frames / self.span()
    }

    pub(crate) fn init<B: Kernels>(&self, size: FrameSize, device: &B::Device) -> Net<B> {
        let values = size.patch_values();
        let (encoder, decoder) = (self.encoder.d, self.decoder.d);
        Net {
            embed: linear(values, encoder, fan_in(values), device),
            encoder_positions: self.encoder.positions(self.frames, 0, size.patches(), device),
            encoder: self.encoder.init(device),
            quantizer: self.quantizer.init(encoder, device),
            expand: linear(self.quantizer.width(), decoder, fan_in(self.quantizer.width()), device),
            decoder_positions: self.decoder.positions(self.frames, 0, size.patches(), device),
            decoder: self.decoder.init(device),
            pixels: linear(decoder, values, fan_in(decoder), device),
        }
    }
}

#[derive(Module, Debug)]
pub(crate) struct Net<B: Backend> {
    embed: Linear<B>,
    encoder_positions: Positions<B>,
    encoder: Stack<B>,
    quantizer: Quantizer<B>,
    expand: Linear<B>,
    decoder_positions: Positions<B>,
    decoder: Stack<B>,
    pixels: Linear<B>,
}

impl<B: Kernels> Net<B> {
    /// Patch rows `[b*t*s, values]` to codes.
    fn encode(
        &self,
        patches: Tensor<B, 2>,
        size: FrameSize,
        b: usize,
        t: usize,
        training: bool,
    ) -> Quantized<B> {
        let grid = size.grid(b, t);
        let x = self.encoder_positions.add(apply(&self.embed, patches), grid, 0);
        self.quantizer.quantize(self.encoder.forward(x, grid), training)
    }

    /// Embedded codes `[b*t*s, width]` to patch rows in `[0, 1]`.
    fn decode(&self, embedded: Tensor<B, 2>, size: FrameSize, b: usize, t: usize) -> Tensor<B, 2> {
        let grid = size.grid(b, t);
        let x = self.decoder_positions.add(apply(&self.expand, embedded), grid, 0);
        sigmoid(apply(&self.pixels, self.decoder.forward(x, grid)))
    }
}

struct Fit<'a> {
    config: &'a TokenizerConfig,
    size: FrameSize,
    windows: Windows<'a>,
}

impl<B: AutodiffBackend + Kernels> Task<B> for Fit<'_>
where
    B::InnerBackend: Kernels,
{
    type Model = Net<B>;
    type Batch = Vec<u8>;
    type Aux = (Tensor<B, 2>, Tensor<B, 1, Int>);

    fn init(&self, device: &B::Device) -> Net<B> {
        self.config.init(self.size, device)
    }

    fn batch(&self, part: usize, _rng: &mut ChaCha8Rng) -> Result<Vec<u8>, ModelError> {
        self.windows.part(part, self.config.windows_a_part(), self.config.train.seed)
    }

    fn loss(
        &self,
        model: &Net<B>,
        batch: Vec<u8>,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux> {
        let (b, t) = (self.config.windows_a_part(), self.config.span());
        let frames = self.size.to_tensor::<B>(&batch, b, t, device);
        let patches = patchify(frames, self.size.patch);
        let coded = model.encode(patches.clone(), self.size, b, t, true);
        let difference = model.decode(coded.embedded, self.size, b, t) - patches.clone();
        let square = difference.clone() * difference;
        let mse = square.clone().mean();
        let fit = if self.config.changed_pixel_weight == 1.0 {
            mse.clone()
        } else {
            let weight = changed_weight(patches, b, t, self.config.changed_pixel_weight);
            (square * weight).mean()
        };
        let psnr = mse.inner().log().mul_scalar(-10.0 / std::f64::consts::LN_10);
        let loss = match coded.loss {
            Some(extra) => fit + extra,
            None => fit,
        };
        Loss { value: loss, metrics: vec![("psnr_db", psnr)], aux: (coded.projected, coded.codes) }
    }

    fn logged(&self, (_, codes): &Self::Aux) -> Result<Vec<(&'static str, f32)>, ModelError> {
        usage(codes, self.config.quantizer.size())
    }

    fn after_step(
        &self,
        mut model: Net<B>,
        (projected, codes): Self::Aux,
        step: usize,
        rng: &mut ChaCha8Rng,
    ) -> Result<Net<B>, ModelError> {
        model.quantizer =
            reseed(model.quantizer, projected, codes, step, self.config.train.steps, rng)?;
        Ok(model)
    }
}

/// Weights `[rows, values]` with mean 1: `weight` to 1 for values that changed since the frame before.
fn changed_weight<B: Backend>(
    patches: Tensor<B, 2>,
    b: usize,
    t: usize,
    weight: f64,
) -> Tensor<B, 2> {
    let [rows, values] = patches.dims();
    let by_frame = patches.detach().reshape([b, t, rows / (b * t) * values]);
    let change = by_frame.clone().narrow(1, 1, t - 1) - by_frame.clone().narrow(1, 0, t - 1);
    let first = by_frame.narrow(1, 0, 1).zeros_like();
    let weights =
        change_weights(Tensor::cat(vec![first, change], 1), weight).reshape([rows, values]);
    weights.clone() / weights.mean().unsqueeze()
}

/// Trains a tokenizer (on) in directory `run`.
///
/// # Errors
/// See [`ModelError`]; nothing already in `run` is lost.
pub fn train_tokenizer(
    config: &TokenizerConfig,
    video: &dyn Video,
    run: &Utf8Path,
    device: &Device,
    watch: &mut dyn Watch,
) -> Result<Outcome, ModelError> {
    config.check()?;
    let (height, width) = video.size();
    let size = FrameSize { height, width, patch: config.patch, channels: RGB };
    size.check("tokenizer")?;
    let task = Fit { config, size, windows: Windows::new(video, config.span())? };
    let description = Description { config: config.clone(), size };
    let cost = estimate_tokenizer(config, video.size())?;
    on_devices!(device, |B, devices| {
        train::train::<burn::backend::Autodiff<B>, _>(
            &task,
            &config.train,
            &description,
            &cost,
            run,
            &devices,
            watch,
        )
    })
}

trait Coder: Send {
    fn encode(&self, frames: &[u8], b: usize) -> Result<Vec<u16>, ModelError>;
    fn decode(&self, tokens: &[u16], b: usize, t: usize) -> Result<Vec<u8>, ModelError>;
    /// Embedded codes `[codes, width]`.
    fn codebook(&self, codes: usize) -> Result<Vec<f32>, ModelError>;
}

struct Loaded<B: Backend> {
    net: Net<B>,
    size: FrameSize,
    frames: usize,
    device: B::Device,
}

impl<B: Kernels> Coder for Loaded<B> {
    fn encode(&self, frames: &[u8], b: usize) -> Result<Vec<u16>, ModelError> {
        let patches = patchify(
            self.size.to_tensor::<B>(frames, b, self.frames, &self.device),
            self.size.patch,
        );
        let codes = self.net.encode(patches, self.size, b, self.frames, false).codes;
        host::codes(codes)
    }

    fn decode(&self, tokens: &[u16], b: usize, t: usize) -> Result<Vec<u8>, ModelError> {
        let codes = indices::<B>(tokens.iter().map(|token| i64::from(*token)), &self.device);
        let rows = self.net.decode(self.net.quantizer.embed(codes), self.size, b, t);
        let (high, wide) = self.size.padded();
        self.size.to_bytes(unpatchify(rows, b, t, high, wide, self.size.patch))
    }

    fn codebook(&self, codes: usize) -> Result<Vec<f32>, ModelError> {
        host::floats(self.net.quantizer.embed(indices::<B>(0..codes as i64, &self.device)))
    }
}

/// A trained video tokenizer.
pub struct Tokenizer {
    coder: Box<dyn Coder>,
    size: FrameSize,
    frames: usize,
    codes: usize,
    code_width: usize,
}

impl Tokenizer {
    /// Loads the newest checkpoint of a run's directory.
    ///
    /// # Errors
    /// If there is none or it is damaged.
    pub fn load(run: &Utf8Path, device: &Device) -> Result<Self, ModelError> {
        on_device!(device, |B, device| {
            let (description, net) = train::load_model::<Description, B, _>(run, |description| {
                description.config.check()?;
                Ok(description.config.init::<B>(description.size, &device))
            })?;
            let Description { config, size } = description;
            let coder = Box::new(Loaded { net, size, frames: config.frames, device });
            let (codes, code_width) = (config.quantizer.size(), config.quantizer.width());
            Ok(Self { coder, size, frames: config.frames, codes, code_width })
        })
    }

    /// Codes windows of frames `[b, t, h, w, 3]` as tokens `[b, t, rows*columns]`.
    ///
    /// # Errors
    /// If the bytes are not whole windows of this tokenizer's frame size.
    pub fn encode(&self, frames: &[u8]) -> Result<Vec<u16>, ModelError> {
        let b = self.size.windows(frames, self.frames)?;
        self.coder.encode(frames, b)
    }

    /// Frames `[b, t, h, w, 3]` of tokens `[b, t, rows*columns]`, where t is at most [`Tokenizer::frames`].
    ///
    /// # Errors
    /// If the tokens are not whole windows of `t` frames or not of this codebook, or a pixel is not a finite number.
    pub fn decode(&self, tokens: &[u16], t: usize) -> Result<Vec<u8>, ModelError> {
        let window = t * self.size.positions();
        if t == 0 || t > self.frames || !tokens.len().is_multiple_of(window) {
            return Err(ModelError::Data(format!(
                "{} tokens are not whole windows of {t} frames (1 to {})",
                tokens.len(),
                self.frames
            )));
        }
        self.check_tokens(tokens)?;
        self.coder.decode(tokens, tokens.len() / window, t)
    }

    /// Tokens as pictures of their codes: bytes `[tokens, code width]`, in which −1 is 0 and 1 is 255. Different tokens have different bytes as long
    /// as codes lie 1/127 apart in some dimension.
    ///
    /// # Errors
    /// If a token is not of this codebook.
    pub fn draw_codes(&self, tokens: &[u16]) -> Result<Vec<u8>, ModelError> {
        self.check_tokens(tokens)?;
        let width = self.code_width;
        let byte = |value: &f32| ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8;
        let codes: Vec<u8> = self.coder.codebook(self.codes)?.iter().map(byte).collect();
        Ok(tokens
            .iter()
            .flat_map(|token| &codes[usize::from(*token) * width..][..width])
            .copied()
            .collect())
    }

    fn check_tokens(&self, tokens: &[u16]) -> Result<(), ModelError> {
        match tokens.iter().find(|token| usize::from(**token) >= self.codes) {
            Some(token) => Err(ModelError::Data(format!(
                "token {token} is not below the codebook's {}",
                self.codes
            ))),
            None => Ok(()),
        }
    }

    /// Values of an embedded code.
    pub fn code_width(&self) -> usize {
        self.code_width
    }

    /// The number of codes.
    pub fn codebook_size(&self) -> usize {
        self.codes
    }

    /// Rows and columns of tokens a frame.
    pub fn grid(&self) -> (usize, usize) {
        self.size.patches()
    }

    /// Frames a window.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Height and width of frames in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }
}

#[cfg(test)]
mod tests;
