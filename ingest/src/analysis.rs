//! What the frames of a clip show: shots, scores and fingerprints, from one small luma picture a frame.

mod fingerprint;
mod plane;
pub mod scores;
mod search;
mod shift;
mod shots;
#[cfg(test)]
mod synthetic;

#[cfg(test)]
pub use fingerprint::BYTES;
pub use fingerprint::{NEAR, distance, fingerprint};
pub use plane::Plane;
pub use shots::ShotDetector;
