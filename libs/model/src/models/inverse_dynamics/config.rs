//! The config of an inverse-dynamics network, and the description that its checkpoint stores.

use serde::{Deserialize, Serialize};

use crate::data::{FrameCrop, FrameSize, FramesSeen};
use crate::error::ModelError;
use crate::layers::ConvolutionsConfig;
use crate::train::{Schedule, TrainConfig};

/// Number of lags: the network reads the actions at t, t − 1, …, t − `LAGS` + 1.
pub const LAGS: usize = 3;

/// The config of a network. It is not a section: `[evaluate]` has the few keys of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InverseDynamicsConfig {
    /// Frames that the network sees for a step.
    pub seen: FramesSeen,
    /// Side in pixels of the square in the middle of a frame that the network sees; 0: all of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub middle: usize,
    /// Number of classes of actions.
    pub classes: usize,
    /// The convolutions over the pixels of these frames.
    pub convolutions: ConvolutionsConfig,
    /// Width of the layer between the convolutions and the outputs.
    pub hidden: usize,
    /// How the network is trained.
    pub train: TrainConfig,
}

impl InverseDynamicsConfig {
    /// The config of a network that is trained for `steps` steps.
    pub fn new(seen: FramesSeen, classes: usize, steps: usize) -> Self {
        Self {
            seen,
            middle: 0,
            classes,
            convolutions: ConvolutionsConfig {
                channels: vec![32, 64, 96, 128],
                strides: vec![2, 1, 2, 2],
            },
            hidden: 128,
            train: TrainConfig {
                steps,
                batch: 64,
                lr: 2e-3,
                final_lr: 0.0,
                warmup: 20,
                schedule: Schedule::Cosine,
                beta_2: 0.99,
                weight_decay: 1e-3,
                checkpoint_every: 100,
                keep: 1,
                ..TrainConfig::default()
            },
        }
    }

    /// Fails if no network can be built from the config.
    pub fn check(&self) -> Result<(), ModelError> {
        self.convolutions.check("inverse dynamics")?;
        self.train.check("inverse dynamics")?;
        if self.classes == 0 || self.classes > usize::from(u8::MAX) + 1 || self.hidden == 0 {
            return Err(ModelError::Config(format!(
                "an inverse-dynamics network needs 1 to 256 classes and a hidden layer: {self:?}"
            )));
        }
        Ok(())
    }

    /// Frames before `x_t` whose labels or pixels a training step needs.
    pub(crate) fn history(&self) -> usize {
        self.seen.before.max(LAGS - 1)
    }
}

// `skip_serializing_if` gives a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The description of the network in its checkpoint.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "model", rename = "inverse_dynamics")]
pub struct InverseDynamicsDescription {
    pub config: InverseDynamicsConfig,
    /// Size of the whole frame.
    pub size: FrameSize,
}

impl InverseDynamicsDescription {
    /// The part of the frame that the network sees.
    pub(crate) fn crop(&self) -> FrameCrop {
        let frame = (self.size.height, self.size.width);
        match self.config.middle {
            0 => FrameCrop::middle(frame, usize::MAX),
            side => FrameCrop::middle(frame, side),
        }
    }

    /// Size of that part.
    pub(crate) fn seen_size(&self) -> FrameSize {
        let (height, width) = self.crop().size;
        FrameSize { height, width, ..self.size }
    }
}
