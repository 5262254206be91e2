//! The latent action model [Genie §2.1.1]: what happened between two frames, as one of a few codes, learned from pixels alone. The encoder sees
//! frames up to x_{t+1}; the decoder must make `x_{t+1}` from `x_1..x_t` and the code. Only the encoder and its codes are used afterwards.
//!
//! The paper's recipe collapses at small scale (LOG.md), so each of its choices has an alternative that works: frame pairs to the encoder, read by
//! convolution (`motion.rs`), the largest value over all places, a decoder that starts at copying the last frame and predicts the change, changed pixels
//! weighing more, `fsq` codes of centred vectors, a reward for using all of them.
//! Guarantee: action t depends on frames up to t+1 only.

mod motion;

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
use crate::estimate::estimate_lam;
use crate::frames::FrameSize;
use crate::host;
use crate::kernels::Kernels;
use crate::layers::{
    ConvolutionsConfig, Grid, Positions, Quantized, Quantizer, QuantizerConfig, QuantizerKind,
    Stack, StackConfig, apply, change_weights, fan_in, linear, patchify, reseed, usage,
};
use crate::train::{self, Loss, Outcome, Task, TrainConfig, Watch};
use motion::Motion;

/// What frames are to the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LamInput {
    /// Pixels (the paper's choice).
    Pixels,
    /// Tokens, as pictures of their codes: what the tokenizer lost cannot be seen (the paper's "token-input" ablation, §4.3).
    Tokens,
}

/// What the encoder sees at each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LamEncoder {
    /// `x_t` beside `x_{t+1}`.
    Pairs,
    /// x_{t+1} alone, and earlier frames through temporal attention (the paper).
    Frames,
}

/// How the encoder reads what it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LamReader {
    /// By attention among patches (the paper).
    Attention,
    /// By convolutions over the pixels of a pair: the same everywhere, so that an action is the same action wherever it is seen.
    Convolution,
}

/// What the decoder sees beside the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LamDecoder {
    /// `x_1..x_t` (the paper).
    History,
    /// `x_t`.
    LastFrame,
    /// x_{t-1} and `x_t`: how things move already is then known, and the action need only say what was chosen.
    LastTwo,
}

/// What the decoder predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LamTarget {
    /// x_{t+1} (the paper).
    Frame,
    /// `x_{t+1} − x_t`, from a zero-initialised output: training starts exactly at copying the last frame.
    Change,
}

/// How a pair's vectors, one a position, become the one that is quantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LamPool {
    /// Their mean: what moves in one place of many is small in it.
    Mean,
    /// The largest value of each dimension: what moves is seen wherever it is.
    Max,
}

/// The `[lam]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LamConfig {
    /// Where to train and run: `cpu` or `cuda[:n,…]`.
    pub device: String,
    /// Frames a training window; without temporal attention any length can be labelled.
    pub frames: usize,
    /// What frames are: `pixels` or `tokens`.
    pub input: LamInput,
    /// Side of a square patch in pixels, or in tokens: 1 is usual then.
    pub patch: usize,
    /// What the encoder sees.
    pub sees: LamEncoder,
    /// How the encoder reads it.
    pub reads: LamReader,
    /// How places become one vector.
    pub pool: LamPool,
    /// What the decoder sees.
    pub history: LamDecoder,
    /// What the decoder predicts.
    pub target: LamTarget,
    /// Weight of pixels that change, relative to the others' 1.
    pub changed_pixel_weight: f64,
    /// The encoder that reads by attention.
    pub encoder: StackConfig,
    /// The encoder that reads by convolution.
    pub convolutions: ConvolutionsConfig,
    /// The decoder.
    pub decoder: StackConfig,
    /// The actions.
    pub quantizer: QuantizerConfig,
    /// Training.
    pub train: TrainConfig,
}

impl Default for LamConfig {
    fn default() -> Self {
        let stack = StackConfig {
            layers: 2,
            d: 64,
            heads: 4,
            head_dim: 0,
            ffn_mult: 4,
            qk_norm: false,
            temporal: false,
        };
        Self {
            device: "cpu".into(),
            frames: 4,
            input: LamInput::Pixels,
            patch: 4,
            sees: LamEncoder::Pairs,
            reads: LamReader::Attention,
            pool: LamPool::Max,
            history: LamDecoder::LastTwo,
            target: LamTarget::Change,
            changed_pixel_weight: 10.0,
            encoder: stack.clone(),
            convolutions: ConvolutionsConfig::default(),
            decoder: stack,
            quantizer: QuantizerConfig {
                kind: QuantizerKind::Fsq,
                codes: 8,
                levels: vec![2, 2, 2],
                usage: 0.0005,
                centre: true,
                ..Default::default()
            },
            train: TrainConfig { batch: 32, lr: 2e-3, ..Default::default() },
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "model", rename = "lam")]
struct Description {
    config: LamConfig,
    size: FrameSize,
}

impl LamConfig {
    /// # Errors
    /// If no model can be built from it.
    pub fn check(&self) -> Result<(), ModelError> {
        self.encoder.check("lam.encoder")?;
        self.convolutions.check("lam.convolutions")?;
        self.decoder.check("lam.decoder")?;
        self.quantizer.check("lam", usize::from(u8::MAX) + 1)?;
        self.train.check("lam")?;
        let wrong = |what: &str| Err(ModelError::Config(format!("[lam] {what}")));
        if self.frames < 2 || self.patch == 0 {
            return wrong("frames must be at least 2 and patch at least 1");
        }
        if self.sees == LamEncoder::Frames && !self.encoder.temporal {
            return wrong(
                "an encoder that sees single frames needs encoder.temporal = true to see motion",
            );
        }
        if (self.history == LamDecoder::History) != self.decoder.temporal {
            return wrong(
                "history = \"history\" needs decoder.temporal = true, the others need it false",
            );
        }
        if self.history == LamDecoder::LastTwo && self.frames < 3 {
            return wrong("history = \"last_two\" needs windows of at least 3 frames");
        }
        if self.reads == LamReader::Convolution
            && (self.sees != LamEncoder::Pairs || self.encoder.temporal)
        {
            return wrong(
                "reads = \"convolution\" needs sees = \"pairs\" and encoder.temporal = false",
            );
        }
        if self.history == LamDecoder::LastTwo && self.encoder.temporal {
            return wrong(
                "history = \"last_two\" is for an encoder of pairs, with encoder.temporal = false",
            );
        }
        Ok(())
    }

    /// Frames that the decoder is given beside each other; the first prediction of a window is the frame after them.
    pub fn given(&self) -> usize {
        match self.history {
            LamDecoder::History | LamDecoder::LastFrame => 1,
            LamDecoder::LastTwo => 2,
        }
    }

    pub(crate) fn init<B: Kernels>(&self, size: FrameSize, device: &B::Device) -> Net<B> {
        let values = size.patch_values();
        let decoder = self.decoder.d;
        let attends = self.reads == LamReader::Attention;
        let encoder = if attends { self.encoder.d } else { self.convolutions.width() };
        let seen = match self.sees {
            LamEncoder::Pairs => 2 * values,
            LamEncoder::Frames => values,
        };
        let known = self.given() * values;
        let spread = match self.target {
            LamTarget::Change => 0.0,
            LamTarget::Frame => fan_in(decoder),
        };
        Net {
            embed: attends.then(|| linear(seen, encoder, fan_in(seen), device)),
            encoder_positions: attends
                .then(|| self.encoder.positions(self.frames, 0, size.patches(), device)),
            encoder: attends.then(|| self.encoder.init(device)),
            motion: (!attends).then(|| Motion::new(&self.convolutions, size, device)),
            quantizer: self.quantizer.init(encoder, device),
            action: linear(self.quantizer.width(), decoder, fan_in(self.quantizer.width()), device),
            start: linear(known, decoder, fan_in(known), device),
            decoder_positions: self.decoder.positions(self.frames, 0, size.patches(), device),
            decoder: self.decoder.init(device),
            pixels: linear(decoder, values, spread, device),
        }
    }
}

#[derive(Module, Debug)]
pub(crate) struct Net<B: Backend> {
    embed: Option<Linear<B>>,
    encoder_positions: Option<Positions<B>>,
    encoder: Option<Stack<B>>,
    motion: Option<Motion<B>>,
    quantizer: Quantizer<B>,
    action: Linear<B>,
    start: Linear<B>,
    decoder_positions: Positions<B>,
    decoder: Stack<B>,
    pixels: Linear<B>,
}

/// Frames `first .. first + len` of patch rows `[b*t*s, v]`.
fn frames_of<B: Backend>(rows: Tensor<B, 2>, grid: Grid, first: usize, len: usize) -> Tensor<B, 2> {
    let v = rows.dims()[1];
    rows.reshape([grid.b, grid.t, grid.s * v])
        .narrow(1, first, len)
        .reshape([grid.b * len * grid.s, v])
}

impl<B: Kernels> Net<B> {
    /// Patch rows `[b*t*s, values]` to actions `[b*(t-1)]`.
    fn encode(
        &self,
        config: &LamConfig,
        patches: Tensor<B, 2>,
        grid: Grid,
        training: bool,
    ) -> Quantized<B> {
        let x = match &self.motion {
            Some(motion) => motion.forward(patches, grid),
            None => {
                self.attend(config, patches, grid).expect("an encoder without convolutions attends")
            }
        };
        let pooled = match config.pool {
            LamPool::Mean => x.mean_dim(1),
            LamPool::Max => x.max_dim(1),
        };
        self.quantizer.quantize(pooled.squeeze_dim(1), training)
    }

    /// Patch rows to what attention finds at each position of each step, `[b*(t-1), s, d]`.
    fn attend(
        &self,
        config: &LamConfig,
        patches: Tensor<B, 2>,
        grid: Grid,
    ) -> Option<Tensor<B, 3>> {
        let (embed, positions, encoder) =
            (self.embed.as_ref()?, self.encoder_positions.as_ref()?, self.encoder.as_ref()?);
        let steps = Grid { t: grid.t - 1, ..grid };
        let x = match config.sees {
            LamEncoder::Pairs => {
                let before = frames_of(patches.clone(), grid, 0, steps.t);
                let after = frames_of(patches, grid, 1, steps.t);
                let pairs = apply(embed, Tensor::cat(vec![before, after], 1));
                encoder.forward(positions.add(pairs, steps, 0), steps)
            }
            LamEncoder::Frames => {
                let x = positions.add(apply(embed, patches), grid, 0);
                frames_of(encoder.forward(x, grid), grid, 1, steps.t)
            }
        };
        let d = x.dims()[1];
        Some(x.reshape([steps.b * steps.t, steps.s, d]))
    }

    /// Predicted patch rows of frames n+1..t from those of all but the last, where the decoder is given n frames, and the embedded actions that lead
    /// to them `[b*(t-n), width]`. `grid` is that of `frames`.
    fn decode(
        &self,
        config: &LamConfig,
        frames: &Tensor<B, 2>,
        actions: Tensor<B, 2>,
        grid: Grid,
    ) -> Tensor<B, 2> {
        let given = config.given();
        let steps = Grid { t: grid.t + 1 - given, ..grid };
        let seen: Vec<_> =
            (0..given).map(|first| frames_of(frames.clone(), grid, first, steps.t)).collect();
        let before = seen[given - 1].clone();
        let x = self.decoder_positions.add(apply(&self.start, Tensor::cat(seen, 1)), steps, 0);
        let d = x.dims()[1];
        let action = apply(&self.action, actions).reshape([steps.b * steps.t, 1, d]);
        let x = (x.reshape([steps.b * steps.t, steps.s, d]) + action).reshape([steps.rows(), d]);
        let out = apply(&self.pixels, self.decoder.forward(x, steps));
        match config.target {
            LamTarget::Frame => sigmoid(out),
            LamTarget::Change => before + out,
        }
    }
}

struct Fit<'a> {
    config: &'a LamConfig,
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
        self.windows.part(part, self.config.train.part(), self.config.train.seed)
    }

    fn loss(
        &self,
        model: &Net<B>,
        batch: Vec<u8>,
        _rng: &mut ChaCha8Rng,
        device: &B::Device,
    ) -> Loss<B, Self::Aux> {
        let (b, t) = (self.config.train.part(), self.config.frames);
        let grid = self.size.grid(b, t);
        let given = self.config.given();
        let patches = patchify(self.size.to_tensor::<B>(&batch, b, t, device), self.size.patch);
        let known = frames_of(patches.clone(), grid, 0, t - 1);
        let before = frames_of(patches.clone(), grid, given - 1, t - given);
        let after = frames_of(patches.clone(), grid, given, t - given);
        // Frames between which there is something to predict.
        let seen = Grid { t: t + 1 - given, ..grid };
        let actions =
            model.encode(self.config, frames_of(patches, grid, given - 1, seen.t), seen, true);
        let known_grid = Grid { t: t - 1, ..grid };
        let difference =
            model.decode(self.config, &known, actions.embedded, known_grid) - after.clone();
        let square = difference.clone() * difference;
        let change = before - after;
        let weights = change_weights(change.clone(), self.config.changed_pixel_weight);
        let fit = (square.clone() * weights.clone()).mean() / weights.clone().mean();

        // How much better than copying the last frame, in dB, by the weighted error that is trained on.
        let copy = (change.clone() * change * weights.clone()).mean() / weights.mean();
        let gain = (copy.inner().log() - fit.clone().inner().log())
            .mul_scalar(10.0 / std::f64::consts::LN_10);
        let loss = match actions.loss {
            Some(extra) => fit + extra,
            None => fit,
        };
        Loss {
            value: loss,
            metrics: vec![("gain_over_copy_db", gain)],
            aux: (actions.projected, actions.codes),
        }
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

/// Trains a latent action model (on) in directory `run`. With [`LamInput::Tokens`] the video is one of codes
/// ([`crate::Tokenizer::draw_codes`]).
///
/// # Errors
/// See [`ModelError`]; nothing already in `run` is lost.
pub fn train_lam(
    config: &LamConfig,
    video: &dyn Video,
    run: &Utf8Path,
    device: &Device,
    watch: &mut dyn Watch,
) -> Result<Outcome, ModelError> {
    config.check()?;
    let (height, width) = video.size();
    let size = FrameSize { height, width, patch: config.patch, channels: video.channels() };
    size.check("lam")?;
    let task = Fit { config, size, windows: Windows::new(video, config.frames)? };
    let description = Description { config: config.clone(), size };
    let cost = estimate_lam(config, video.size(), video.channels())?;
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

trait Labeller: Send {
    fn actions(&self, frames: &[u8], b: usize, t: usize) -> Result<Vec<u8>, ModelError>;
}

struct Loaded<B: Backend> {
    net: Net<B>,
    config: LamConfig,
    size: FrameSize,
    device: B::Device,
}

impl<B: Kernels> Labeller for Loaded<B> {
    fn actions(&self, frames: &[u8], b: usize, t: usize) -> Result<Vec<u8>, ModelError> {
        let patches =
            patchify(self.size.to_tensor::<B>(frames, b, t, &self.device), self.size.patch);
        let codes = self.net.encode(&self.config, patches, self.size.grid(b, t), false).codes;
        host::codes(codes)
    }
}

/// A trained latent action model.
pub struct Lam {
    labeller: Box<dyn Labeller>,
    config: LamConfig,
    size: FrameSize,
}

impl Lam {
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
            let labeller = Box::new(Loaded { net, config: config.clone(), size, device });
            Ok(Self { labeller, config, size })
        })
    }

    /// Latent actions `[b, t-1]` of windows of frames `[b, t, h, w, 3]`, or of pictures of codes `[b, t, h, w, c]`: entry t leads from frame t to frame t+1.
    ///
    /// # Errors
    /// If the bytes are not whole windows of this model's frame size, or the windows are longer than its temporal attention.
    pub fn actions(&self, frames: &[u8], t: usize) -> Result<Vec<u8>, ModelError> {
        if t < 2 || (self.config.encoder.temporal && t > self.config.frames) {
            return Err(ModelError::Data(format!(
                "windows of {t} frames cannot be labelled: this latent action model takes 2 to {} frames ([lam] frames)",
                self.config.frames
            )));
        }
        let b = self.size.windows(frames, t)?;
        self.labeller.actions(frames, b, t)
    }

    /// The number of latent actions.
    pub fn num_actions(&self) -> usize {
        self.config.quantizer.size()
    }

    /// What frames are to it.
    pub fn input(&self) -> LamInput {
        self.config.input
    }

    /// Values a pixel, or a token.
    pub fn channels(&self) -> usize {
        self.size.channels
    }

    /// Height and width of frames in pixels, or in tokens.
    pub fn size(&self) -> (usize, usize) {
        (self.size.height, self.size.width)
    }
}

#[cfg(test)]
mod tests;
