//! What the evaluation asks of the models under test, and nothing more.
//!
//! The statistics and the report know neither Burn nor a checkpoint: they see a [`WorldModel`], a tokenizer, a latent
//! action model and a dynamics model behind five methods. The tests put a toy world there whose true values are known;
//! the binary puts the trained models there (`trained.rs`).
//!
//! [`Checked`] stands between: it refuses outputs of the wrong shape, codes out of range and a rollout that rewrites
//! its prompt, so that a checkpoint which does not fit ends in a clear error and not in a wrong number.

mod batches;
mod checked;
mod model;

pub use batches::{ActionBatch, TokenBatch, VideoBatch};
pub use checked::Checked;
pub use model::WorldModel;
