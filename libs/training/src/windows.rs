//! Shards with the results of a trained model for every window of every clip.

mod batch;
mod gc;
mod history;
mod incomplete;
mod pending;
mod publisher;
mod stored;
mod verify;

pub use gc::{GcArgs, gc};
pub use pending::{WindowModel, pixels_at_once, write_pending};
pub use stored::StoredWindow;
pub use verify::{VerifyArgs, verify};
