//! Shared code of tests: a toy world with planted flaws, and stand-ins for networks.

mod doubles;
mod reports;
mod toy_world;

pub use doubles::{
    CountingEncoder, MeanDifference, SETTINGS, SilentObserver, distance, long_rollouts,
};
pub use reports::{
    lpips_weights, measured, measured_by, names, provenance, report, report_of, report_with,
};
pub use toy_world::{
    ACTION_NAMES, CODES, FRAMES, Flaw, ToyWorld, WithRollout, long_recordings, recordings,
};
