//! The interface to the models under test.
//!
//! The statistics and the report use neither Burn nor checkpoints. They use a [`WorldModel`]: a
//! tokenizer, a latent action model and a dynamics model behind six methods. The binary implements
//! it with the trained models (`networks/trained.rs`), the tests with a toy world whose true values
//! are known.
//!
//! [`Checked`] rejects outputs of a wrong shape, codes out of range, and a rollout that changes its
//! prompt. So a checkpoint that does not fit gives a clear error and not a wrong number.

mod batches;
mod checked;
mod model;

pub use batches::{ActionBatch, Continuation, TokenBatch, VideoBatch};
pub use checked::Checked;
pub use model::WorldModel;
