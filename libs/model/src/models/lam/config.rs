//! The `[lam]` section of the config, and the description that a LAM's checkpoint stores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scroll::DIRECTIONS;
use crate::data::{FrameCrop, FrameSize, FramesSeen};
use crate::error::ModelError;
use crate::layers::{ConvolutionsConfig, QuantizerConfig, QuantizerKind, StackConfig};
use crate::train::TrainConfig;

/// What a frame consists of (`lam.input`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LamInput {
    /// Pixels (the paper's choice).
    Pixels,
    /// Tokens, drawn as their codes (the paper's "token-input" ablation, §4.3).
    ///
    /// The model cannot see what the tokenizer lost.
    Tokens,
}

/// Which part of each frame the model sees (`lam.region`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LamRegion {
    /// All pixels: the player, and how the camera moves.
    Frame,
    /// The rectangle around what stays in place while the picture scrolls.
    ///
    /// If the camera follows the player, this is the player. Then the actions name what the player
    /// does, and not how the camera moves. The rectangle is found in the training clips before
    /// training. If they do not scroll, it is the whole frame.
    Still,
}

/// What the encoder sees for each action (`lam.sees`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LamSees {
    /// The pair `x_t`, `x_{t+1}`.
    Pairs,
    /// `x_{t+1}` alone, and earlier frames through temporal attention (the paper).
    Frames,
}

/// How the encoder reads what it sees (`lam.reads`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LamReads {
    /// By attention among patches (the paper).
    Attention,
    /// By convolutions over the pixels of a pair of frames.
    ///
    /// A convolution computes the same at every position, so a motion gets the same action wherever
    /// it happens.
    Convolution,
    /// By independent components of the pixels' change, which are found before training.
    ///
    /// Each component is negative, near zero or positive, so `quantizer.levels` is a list of
    /// threes, one for each component. It needs `quantizer.centre = false` and `usage = 0`. The
    /// model sees at most 1024 pixels, as with `region = "still"`.
    Components,
}

/// How the vectors of all positions become the one vector that is quantized (`lam.pool`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LamPool {
    /// Their mean. A motion at few positions changes it little.
    Mean,
    /// The maximum of each dimension. A motion changes it wherever it happens.
    Max,
}

/// Which frames the decoder sees in addition to the action (`lam.history`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LamHistory {
    /// All frames so far, `x_1..x_t` (the paper).
    History,
    /// The last frame, `x_t`.
    LastFrame,
    /// The last two frames, `x_{t-1}` and `x_t`.
    ///
    /// They show how things already move. The action only needs to say what was chosen.
    LastTwo,
}

/// What the decoder predicts (`lam.target`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LamTarget {
    /// The next frame, `x_{t+1}` (the paper).
    Frame,
    /// The change, `x_{t+1} − x_t`.
    ///
    /// The output layer starts at zero, so an untrained model copies `x_t`.
    Change,
}

/// Largest number of pixels that are read by components; the time grows with its third power.
const COMPONENT_PIXELS: usize = 1024;

/// The `[lam]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LamConfig {
    /// Where to train and run: `cpu`, `cuda`, or `cuda:0,1` with the numbers of the GPUs.
    pub device: String,
    /// Number of frames per training window, at least 2, or at least 3 with `last_two`.
    ///
    /// Without temporal attention, labelled windows have any length.
    pub frames: usize,
    /// What the model sees of a frame: its pixels or its tokens.
    pub input: LamInput,
    /// Which part of each frame the model sees; `still` needs `input = "pixels"`.
    pub region: LamRegion,
    /// Whether an action also says how the whole picture scrolls; it needs `input = "pixels"`.
    ///
    /// There are five times as many actions: no scroll, then mostly down, up, right and left. With
    /// `region = "still"`, the codes alone say nothing of the camera.
    pub scroll: bool,
    /// Side of a square patch in pixels, or in tokens (then 1 is usual), at least 1.
    pub patch: usize,
    /// Which frames the encoder sees for each action.
    pub sees: LamSees,
    /// How the encoder reads the frames that it sees.
    pub reads: LamReads,
    /// How the vectors of all positions become the one vector that is quantized.
    pub pool: LamPool,
    /// Which frames the decoder sees in addition to the action.
    pub history: LamHistory,
    /// What the decoder predicts from these frames and the action.
    pub target: LamTarget,
    /// Weight in the loss of pixels that change; all other pixels have weight 1.
    pub changed_pixel_weight: f64,
    /// The transformer of the encoder, if it reads by attention.
    pub encoder: StackConfig,
    /// The convolutions of the encoder, if it reads by convolution.
    pub convolutions: ConvolutionsConfig,
    /// The transformer that predicts a frame from earlier frames and the action.
    pub decoder: StackConfig,
    /// The quantizer, which turns the encoder's vector into one of a few latent actions.
    pub quantizer: QuantizerConfig,
    /// How the model is trained: length, batches, optimizer, logs and checkpoints.
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
            region: LamRegion::Frame,
            scroll: false,
            patch: 4,
            sees: LamSees::Pairs,
            reads: LamReads::Attention,
            pool: LamPool::Max,
            history: LamHistory::LastTwo,
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

impl LamConfig {
    /// Fails if no model can be built from the config.
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
        let limit = usize::from(u8::MAX) + 1;
        if self.num_actions() > limit || self.scroll && self.input != LamInput::Pixels {
            return wrong(&format!(
                "scroll = true needs input = \"pixels\" and at most {} codes",
                limit / DIRECTIONS
            ));
        }
        if self.region == LamRegion::Still && self.input != LamInput::Pixels {
            return wrong("region = \"still\" needs input = \"pixels\"");
        }
        if self.sees == LamSees::Frames && !self.encoder.temporal {
            return wrong(
                "sees = \"frames\" needs encoder.temporal = true: single frames show no motion",
            );
        }
        if (self.history == LamHistory::History) != self.decoder.temporal {
            return wrong(
                "history = \"history\" needs decoder.temporal = true, the others need it false",
            );
        }
        if self.history == LamHistory::LastTwo && self.frames < 3 {
            return wrong("history = \"last_two\" needs windows of at least 3 frames");
        }
        if self.reads != LamReads::Attention
            && (self.sees != LamSees::Pairs || self.encoder.temporal)
        {
            return wrong(
                "reads = \"convolution\" and \"components\" need sees = \"pairs\" and \
                 encoder.temporal = false",
            );
        }
        let quantizer = &self.quantizer;
        if self.reads == LamReads::Components
            && (self.input != LamInput::Pixels
                || quantizer.kind != QuantizerKind::Fsq
                || quantizer.levels.iter().any(|level| *level != 3)
                || quantizer.centre
                || quantizer.usage != 0.0)
        {
            return wrong(
                "reads = \"components\" needs input = \"pixels\" and \
                 quantizer = { kind = \"fsq\", levels = [3, 3], usage = 0.0, centre = false }, \
                 with a 3 for each component",
            );
        }
        if self.history == LamHistory::LastTwo && self.encoder.temporal {
            return wrong(
                "history = \"last_two\" needs encoder.temporal = false and sees = \"pairs\"",
            );
        }
        Ok(())
    }

    /// Fails if the model cannot see frames of this height and width.
    ///
    /// With `region = "still"` the size is that of the region, which follows from the clips.
    pub fn check_frames(&self, (height, width): (usize, usize)) -> Result<(), ModelError> {
        let patch = self.patch;
        if self.reads != LamReads::Components {
            return Ok(());
        }
        let wrong = |message| Err(ModelError::Config(message));
        if !(height.is_multiple_of(patch) && width.is_multiple_of(patch)) {
            return wrong(format!(
                "[lam] reads = \"components\" needs frames whose sides are multiples of the patch, \
                 not {width}×{height} with patch = {patch}"
            ));
        }
        if height * width > COMPONENT_PIXELS {
            return wrong(format!(
                "[lam] reads = \"components\" takes at most {COMPONENT_PIXELS} pixels, and this \
                 model sees {width}×{height}. With region = \"still\" it sees less, but only if \
                 the picture of the training clips scrolls: use such recordings, smaller frames, \
                 or another `reads`"
            ));
        }
        Ok(())
    }

    /// Number of actions: codes, times the directions of a scroll if actions say it.
    pub fn num_actions(&self) -> usize {
        self.quantizer.size() * if self.scroll { DIRECTIONS } else { 1 }
    }

    /// Number of frames in one input of the decoder.
    ///
    /// The first prediction of a window is the frame after them.
    pub fn given(&self) -> usize {
        match self.history {
            LamHistory::History | LamHistory::LastFrame => 1,
            LamHistory::LastTwo => 2,
        }
    }

    /// Frames that the encoder sees for an action.
    ///
    /// Temporal attention sees all earlier frames of the window. Two of them are counted.
    pub fn seen(&self) -> FramesSeen {
        FramesSeen { before: if self.encoder.temporal { 2 } else { 0 }, after: 1 }
    }

    /// Width of the encoder's vectors for frames of `size`.
    pub(crate) fn encoder_width(&self, size: FrameSize) -> usize {
        match self.reads {
            LamReads::Attention => self.encoder.d,
            LamReads::Convolution => self.convolutions.width(),
            LamReads::Components => size.height * size.width,
        }
    }
}

/// The description of the model in a LAM's checkpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "model", rename = "lam")]
pub struct LamDescription {
    pub config: LamConfig,
    /// Size of what the network sees: the whole frame or the rectangle `crop`.
    pub size: FrameSize,
    /// The rectangle of the frame that the network sees; `None` means the whole frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<FrameCrop>,
}

impl LamDescription {
    /// Size of the frames that the model takes.
    pub(crate) fn frame(&self) -> FrameSize {
        let (height, width) =
            self.crop.map_or((self.size.height, self.size.width), |crop| crop.frame);
        FrameSize { height, width, ..self.size }
    }
}
