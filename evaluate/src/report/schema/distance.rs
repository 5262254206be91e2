//! `distances` of `report.json`.

use serde::{Deserialize, Serialize};

use crate::statistics::bootstrap::Interval;

/// How far generated clips are from real ones, by features of an encoder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Distance {
    /// What it may be called: `FVD` only of I3D with its genuine weights.
    pub name: String,
    pub comparable_with_fvd: bool,
    /// What computes the features; distances compare only where this and `preset` are the same.
    pub encoder: String,
    /// How frames are prepared, where there is a choice.
    pub preset: Option<String>,
    pub dimension: usize,
    pub real_clips: usize,
    pub generated_clips: usize,
    /// What is resampled, and how many there are.
    pub unit: String,
    pub groups: usize,
    pub frechet: f64,
    pub frechet_ci95: Option<Interval>,
    /// Extrapolated to infinitely many clips; `null` where there are too few for that.
    pub frechet_infinity: Option<f64>,
    /// Clips a side in `half_floor` and `half_generated`.
    pub half_clips: f64,
    /// Two halves of the real clips, mean over several halvings.
    pub half_floor: f64,
    /// One half's real clips and the other half's generated ones.
    pub half_generated: f64,
    /// Unbiased, so below zero at times.
    pub kernel: f64,
    pub kernel_ci95: Option<Interval>,
    /// How many real clips the probes are of.
    pub probe_clips: usize,
    /// Real clips against the same standing still, and with their frames shuffled.
    pub probe_frozen: f64,
    pub probe_shuffled: f64,
}
