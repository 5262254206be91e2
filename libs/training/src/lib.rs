//! What a model's step is to a stage: its command line and config section, its work key and directory, clips as training data, a
//! progress bar as the watcher of the training loop, and the windows that a trained model makes of every clip. `tokenize`, `train` and
//! `evaluate` share it, so that all agree on which model belongs to which config.
//!
//! This is the one library that knows the others: `stage` for how binaries behave, `shards` for data, `model` for what is trained.

mod args;
mod chain;
mod clips;
mod codes;
mod export;
mod fill;
mod fit;
mod gc;
mod labeller;
mod made;
mod overlap;
mod pinned;
mod publish;
mod runs;
mod sections;
mod selection;
mod verify;

pub use args::ModelArgs;
pub use chain::{Chain, Sections};
pub use clips::{Clips, footage};
pub use codes::CodeVideo;
pub use export::{ExportArgs, export};
pub use fill::{WindowModel, fill, pixels_at_once};
pub use fit::{Fitted, fit};
pub use gc::{GcArgs, gc};
pub use labeller::Labeller;
pub use made::Made;
pub use pinned::PinnedSection;
pub use sections::{DynamicsSection, LamSection, TokenizerSection};
pub use selection::Judge;
pub use verify::{VerifyArgs, verify};
