//! Everything Burn: the ST-transformer, quantizers, the video tokenizer, the latent action model (LAM), the MaskGIT dynamics model and its
//! sampler, the training loop and checkpoints [Genie: Generative Interactive Environments, Bruce et al. 2024]; and the networks that
//! distances are measured with: I3D and a small clip encoder of the project's own between sets of clips, LPIPS between frames.
//!
//! The crate's face is plain: bytes of frames `[b, t, h, w, 3]`, `u16` tokens, `u8` actions, configs, directories and a [`Device`].
//! Burn's types and the choice of backend stay inside, so that the stages compile without them.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "counts of pixels, tokens and codes are far below 2^31; Burn's indices are i64 and its values f32"
)]
#![allow(
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "b, t, s, d, k and dq, dk, dv are the paper's and the field's names"
)]
#![allow(clippy::float_cmp, reason = "options are compared with the exact values they were set to")]

mod clip_encoder;
mod clips;
mod data;
mod device;
mod dynamics;
mod error;
mod estimate;
mod frames;
mod host;
mod i3d;
mod kernels;
mod lam;
mod layers;
mod lpips;
mod precision;
mod sampler;
mod shuffle;
mod state_dict;
#[cfg(test)]
mod testing;
mod tokenizer;
mod train;
mod weights;

pub use clip_encoder::ClipEncoder;
pub use data::{SourceError, TokenWindows, Video};
pub use device::Device;
pub use dynamics::{ActionMode, ActionSource, Dynamics, DynamicsConfig, train_dynamics};
pub use error::ModelError;
pub use estimate::{Estimate, estimate_dynamics, estimate_lam, estimate_tokenizer};
pub use frames::{FrameSize, RGB};
pub use i3d::{I3d, I3dPreset};
pub use lam::{
    Lam, LamConfig, LamDecoder, LamEncoder, LamInput, LamPool, LamReader, LamTarget, train_lam,
};
pub use layers::{ConvolutionsConfig, QuantizerConfig, QuantizerKind, StackConfig};
pub use lpips::Lpips;
pub use precision::Precision;
pub use sampler::{SamplerConfig, UnmaskOrder};
pub use tokenizer::{Tokenizer, TokenizerConfig, train_tokenizer};
pub use train::{
    OptimizerKind, Outcome, Schedule, Speed, StepReport, TrainConfig, Watch, latest_step,
    newest_weights,
};

/// Version of what the models compute and how checkpoints look.
pub const MODEL_FORMAT: u32 = 3;

/// Version of what training makes of the same config and data: part of every model's work key. It follows the models, and goes up by one where training alone
/// changes, such as the order in which it sees its windows: what was made before is made anew, and weights from files still fit.
pub const TRAINING_FORMAT: u32 = MODEL_FORMAT + 1;
