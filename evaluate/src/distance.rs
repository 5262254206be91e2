//! Distances between real and generated clips, by features of an encoder.
//!
//! This module contains no networks. `networks/encoders.rs` computes features with them.
//!
//! A Fréchet distance alone says little. It grows if there are fewer clips: its bias is inversely
//! proportional to their number. It can ignore motion. No value is known to be good. So the report
//! shows more numbers with every distance:
//!
//! - the number of clips;
//! - the distance between two halves of the real clips, and between one real and one generated
//!   half;
//! - the value extrapolated to infinitely many clips;
//! - a kernel distance, which has no such bias;
//! - the distance of real clips that are frozen, or whose frames are shuffled.
//!
//! | module | contents |
//! |---|---|
//! | `moments`, `frechet`, `kernel`, `resample` | the statistics, as pure functions |
//! | `probe` | real clips with changed motion |
//! | `encoder`, `features`, `real` | the encoder's interface; features of real clips, on disk |
//! | `gather`, `describe` | collecting features of clips; the numbers of the report |
//! | `late` | the numbers of one time of long clips |
//!
//! All random halves and subsets consist of whole groups: the windows of a recording stay together.

mod describe;
mod encoder;
mod features;
mod frechet;
mod gather;
mod kernel;
mod late;
mod moments;
mod probe;
mod real;
#[cfg(test)]
mod reference;
mod resample;
#[cfg(test)]
mod simulated;

pub use describe::{Draws, Groups, warnings};
pub use encoder::{ClipFeatures, EncoderDescription, Encoders, features_of};
#[cfg(test)]
pub use frechet::frechet;
pub use gather::FeatureCollector;
pub use late::window_distance;
pub use moments::Divisor;
#[cfg(test)]
pub use moments::Moments;
pub use real::RealClips;
