//! Looking after a dataset: where it stands, what it holds, whether it is sound.

pub mod gc;
pub mod stats;
pub mod status;
pub mod verify;
