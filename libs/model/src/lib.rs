//! The models of *Genie: Generative Interactive Environments* [Bruce et al. 2024], in Burn.
//!
//! The crate trains and runs the video tokenizer, the latent action model (LAM) and the MaskGIT
//! dynamics model, and a classifier of good clips. It also runs the networks that the evaluation
//! measures distances with.
//!
//! The public API has plain types only: bytes of frames `[batch, time, height, width, 3]`, `u16`
//! tokens, `u8` actions, configs, directories and a [`Device`]. Burn's types and the choice of
//! backend stay inside, so that the stages compile without Burn.
//!
//! `examples/train_lam.rs` trains a model on videos in memory.
//!
//! | module | question that it answers |
//! |---|---|
//! | `models::tokenizer` | How do frames become tokens, and tokens become frames? |
//! | `models::lam` | Which latent action leads from one frame to the next? |
//! | `models::dynamics` | Which tokens does the next frame have, given an action? |
//! | `models::inverse_dynamics` | Which true action can a supervised network read from frames? |
//! | `models::quality` | Which clips do people call good? |
//! | `models::lifecycle` | How are the models trained and loaded? |
//! | `models::sequence` | What does a model see of a sequence that is longer than its window? |
//! | `train` | How does a training step work, and how does training resume exactly? |
//! | `layers` | What are the models built from (transformer, quantizers, convolutions)? |
//! | `recompute` | How does a training step need less memory? |
//! | `kernels` | How are layer norm, attention and GELU computed fast? |
//! | `data` | Which windows does training see, in which order? |
//! | `weights` | What is in a file of weights, and does it fit a model? |
//! | `format` | Which versions do weights and training have? |
//! | `estimate` | How much memory and time does training need? |
//! | `perceptual` | How similar are two clips or two frames (I3D, clip encoder, LPIPS)? |
//! | `device`, `host` | Where does a model run, and how do values come back from there? |
//! | `precision` | In which numbers are matrix products computed? |
//! | `error` | What can go wrong? |
//! | `testing` | What do the tests of this crate share? |

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "pixels, tokens and codes are fewer than 2^31; Burn's indices are i64, its values f32"
)]
#![allow(
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "b, t, s, d, k and dq, dk, dv are usual names in papers"
)]
#![allow(clippy::float_cmp, reason = "options are compared with the exact values they were set to")]

mod data;
mod device;
mod error;
mod estimate;
mod format;
mod host;
mod kernels;
mod layers;
mod models;
mod perceptual;
mod precision;
mod recompute;
#[cfg(test)]
mod testing;
mod train;
mod weights;

pub use data::{
    FrameSize, FramesSeen, LabelledVideo, RGB, SourceError, TokenGroups, TokenShape, TokenWindows,
    Video, cut_groups,
};
pub use device::Device;
pub use error::ModelError;
pub use estimate::Estimate;
pub use format::{MODEL_FORMAT, TRAINING_FORMAT};
pub use layers::{ConvolutionsConfig, QuantizerConfig, QuantizerKind, StackConfig};
pub use models::dynamics::{
    ActionMode, ActionSource, Dynamics, DynamicsConfig, GeneratedFrame, MaskRates, PreviousFrame,
    SamplerConfig, Session, SessionSnapshot, Turn, UnmaskOrder, estimate_dynamics, train_dynamics,
};
pub use models::inverse_dynamics::{
    InverseDynamics, InverseDynamicsConfig, LAGS, train_inverse_dynamics,
};
pub use models::lam::{
    Lam, LamConfig, LamHistory, LamInput, LamPool, LamReads, LamRegion, LamSees, LamTarget,
    estimate_lam, train_lam,
};
pub use models::quality::{
    QualityConfig, QualityExamples, QualityInput, QualityModel, SyntheticConfig, train_quality,
};
pub use models::tokenizer::{
    Decoding, Tokenizer, TokenizerConfig, estimate_tokenizer, train_tokenizer,
};
pub use perceptual::{ClipEncoder, I3d, I3dPreset, Lpips};
pub use precision::Precision;
pub use train::{
    OptimizerKind, Outcome, Schedule, Speed, StepReport, TrainConfig, TrainingObserver,
    latest_step, newest_weights,
};
