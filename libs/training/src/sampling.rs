//! How `evaluate` and `play` generate frames, and which doubts about a frame can be trusted.

mod config;
mod objects;
mod trust;

pub use config::EvaluateConfig;
pub use objects::TrackedObject;
pub use trust::{DoubtSignal, SignalTrust, Trust, changed_tokens, reencoding_rms};
