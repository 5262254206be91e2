//! The steps that train a model or run one over every clip, as the stages share them.
//!
//! `tokenize`, `train` and `evaluate` use this crate, so all three agree on which model belongs to
//! which config. It is the one library that uses the others: `stage` for the behaviour of binaries,
//! `shards` for data, `model` for what is trained.
//!
//! | module | contents |
//! |---|---|
//! | `models` | which model belongs to which config: work keys, pinned models, selected clips |
//! | `train` | training data, and training a model as a step |
//! | `windows` | tokens and latent actions of every window, as shards; `verify`, `gc` |
//! | `command` | flags and subcommands that the binaries share |

mod command;
mod models;
mod train;
mod windows;

pub use command::{ExportArgs, Inspect, ModelArgs, export, mark_usage_errors};
pub use models::{
    ActionLabeller, Chain, ClipFilter, DynamicsSection, LamSection, ModelSections, PinnedSection,
    TokenizerSection, check_device_name, open_device,
};
pub use train::{Fitted, TokenVideo, TrainingClips, fit};
pub use windows::{
    GcArgs, StoredWindow, VerifyArgs, WindowModel, gc, pixels_at_once, verify, write_pending,
};
