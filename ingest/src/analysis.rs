//! Shots, scores and fingerprints of clips, computed from their frames.
//!
//! All three use one small luma picture ([`Plane`]) per frame.

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
