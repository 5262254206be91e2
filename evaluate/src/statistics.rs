//! The statistics, as pure functions of numbers and frames.

pub mod agreement;
pub mod consistency;
pub mod correlation;
pub mod information;
pub mod motion;
pub mod pixels;
pub mod prediction;

pub use genie_training::bootstrap;
