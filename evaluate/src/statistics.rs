//! The statistics, as pure functions.

pub mod agreement;
pub mod bootstrap;
pub mod consistency;
pub mod information;
pub mod motion;
pub mod pixels;
