//! Shards with the results of a trained model for every window of every clip.

mod array;
mod batch;
mod cluster;
mod compute;
mod gc;
mod history;
mod incomplete;
mod pending;
mod publisher;
mod share;
mod stored;
mod verify;

pub use cluster::{on_cluster, serve_shares};
pub use compute::{WindowModel, pixels_at_once};
pub use gc::{GcArgs, gc};
pub use pending::write_pending;
pub use stored::StoredWindow;
pub use verify::{VerifyArgs, verify};
