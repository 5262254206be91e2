//! Steps that train a model, or run a model over every clip; the stages share them.
//!
//! `tokenize`, `train`, `evaluate` and `play` use this crate, so they agree on which model belongs
//! to which config. It is the one library that uses the others: `stage` for the behaviour of
//! binaries, `shards` for data, `model` for what is trained.
//!
//! | module | contents |
//! |---|---|
//! | `models` | which model belongs to which config: work keys, pinned models, loaded models |
//! | `sampling` | how frames are generated (`[evaluate]`), and which doubts can be trusted |
//! | `train` | training data, and training a model as a step |
//! | `windows` | tokens and latent actions of every window, as shards; `verify`, `gc` |
//! | `bootstrap` | confidence intervals of statistics over groups |
//! | `command` | flags and subcommands that the binaries share |

pub mod bootstrap;
mod command;
mod models;
mod sampling;
mod train;
mod windows;

pub use command::{ExportArgs, Inspect, ModelArgs, export, mark_usage_errors};
pub use models::{
    ActionLabeller, Chain, ClipFilter, ClipSet, DynamicsSection, LamSection, MissingStep,
    ModelSections, PinnedSection, QualitySection, TokenizerSection, TrainedModels,
    check_device_name, find_finished, open_device, without_memory_options,
};
pub use sampling::{
    DoubtSignal, EvaluateConfig, SignalTrust, TrackedObject, Trust, changed_tokens, reencoding_rms,
};
pub use train::{
    FileRows, Fitted, RowIndex, TokenBuffer, TokenIndex, TokenVideo, TrainingClips, fit, fit_until,
};
pub use windows::{
    GcArgs, StoredWindow, VerifyArgs, WindowModel, gc, on_cluster, pixels_at_once, serve_shares,
    verify, write_pending,
};
