//! Shots, scores and fingerprints of clips, computed from their frames.
//!
//! All three use one small luma picture ([`Plane`]) per frame.

mod brightness;
mod cells;
mod fingerprint;
mod plane;
mod resemblance;
pub mod scores;
mod search;
mod shift;
mod shots;
#[cfg(test)]
pub mod synthetic;

pub use brightness::Brightness;
pub use cells::ChangedCells;
pub use fingerprint::{LEAST_MOMENTS, MotionPeak, fingerprint, moments};
pub use plane::Plane;
pub use resemblance::Likeness;
pub use shift::Shift;
pub use shots::ShotDetector;
