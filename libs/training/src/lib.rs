//! What a model's step is to a stage: its config section, its work key and directory, clips as training data, a progress bar as
//! the watcher of the training loop. `tokenize`, `train` and `evaluate` share it, so that all agree on which model belongs to which config.
//!
//! This is the one library that knows the others: `stage` for how binaries behave, `shards` for data, `model` for what is trained.

mod chain;
mod clips;
mod fit;
mod sections;

pub use chain::{Chain, Sections};
pub use clips::{Clips, footage};
pub use fit::{Fitted, fit};
pub use sections::{DynamicsSection, LamSection, TokenizerSection};
