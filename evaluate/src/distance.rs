//! How far generated clips are from real ones, by features of both, and the numbers that go with every such distance. Nothing
//! here knows what makes the features (`encoders.rs` does).
//!
//! A Fréchet distance alone says little. It grows as clips get fewer (its bias is about c/n), it may not see motion, and
//! nobody knows what a good value is. So each comes with: how many clips; what two halves of the real clips are apart, and
//! what real and generated clips are apart at that same number; the value that it tends to as clips get many; a kernel
//! distance, which has no such bias; and what it makes of real clips that stand still or run in a wrong order.
//!
//! | module | what it answers |
//! |---|---|
//! | `moments`, `frechet`, `kernel`, `resample` | the statistics, as pure functions |
//! | `probe` | real clips with something wrong in time |
//! | `encoder`, `features`, `real` | what makes features; features of the real clips, kept on disk |
//! | `gather`, `describe` | from clips to features to what the report says |
//!
//! Whatever is drawn here (halves, subsets) is drawn by group: all windows of a recording stand or fall together.

mod describe;
mod encoder;
mod features;
mod frechet;
mod gather;
mod kernel;
mod moments;
mod probe;
mod real;
#[cfg(test)]
mod reference;
mod resample;
#[cfg(test)]
mod simulated;

pub use describe::{Draws, Groups, describe, warnings};
pub use encoder::{ClipFeatures, EncoderDescription, Encoders, features_of};
pub use features::Features;
pub use frechet::frechet;
pub use gather::FeatureCollector;
pub use kernel::KernelSums;
pub use moments::{Divisor, Moments};
pub use real::{RealClips, RealFeatures};
pub use resample::{MIN_CLIPS, MIN_GROUPS, Resampler};
