//! Commands that report on a dataset or repair it.

pub mod gc;
pub mod stats;
pub mod status;
pub mod verify;
