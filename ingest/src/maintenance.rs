//! Commands that report on a dataset, label it or repair it.

pub mod gc;
pub mod labels;
pub mod stats;
pub mod status;
pub mod verify;
