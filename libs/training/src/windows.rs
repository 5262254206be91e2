//! What a trained model computes for every window of every clip, as published shards.

mod batch;
mod gc;
mod history;
mod pending;
mod publisher;
mod stored;
mod verify;

pub use gc::{GcArgs, gc};
pub use pending::{WindowModel, pixels_at_once, write_pending};
pub use stored::StoredWindow;
pub use verify::{VerifyArgs, verify};
