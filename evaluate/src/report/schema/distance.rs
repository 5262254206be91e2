//! `distances` of `report.json`.

use serde::{Deserialize, Serialize};

use crate::statistics::bootstrap::Interval;

/// A distance between generated and real clips, by features of an encoder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Distance {
    /// Name of the distance: `FVD` only for I3D with its genuine weights.
    pub name: String,
    pub comparable_with_fvd: bool,
    /// Encoder and weights. Distances are comparable only if this and `preset` are equal.
    pub encoder: String,
    /// Preparation of the frames, if there is a choice.
    pub preset: Option<String>,
    pub dimension: usize,
    pub real_clips: usize,
    pub generated_clips: usize,
    /// Unit of resampling, and number of groups.
    pub unit: String,
    pub groups: usize,
    pub frechet: f64,
    pub frechet_ci95: Option<Interval>,
    /// Value extrapolated to infinitely many clips; `null` if there are too few clips.
    pub frechet_infinity: Option<f64>,
    /// Clips on each side in `half_floor` and `half_generated`.
    pub half_clips: f64,
    /// Distance between two halves of the real clips, mean of several halvings.
    pub half_floor: f64,
    /// Distance between one half's real clips and the other half's generated ones.
    pub half_generated: f64,
    /// Kernel distance. It is unbiased, so it may be negative.
    pub kernel: f64,
    pub kernel_ci95: Option<Interval>,
    /// Number of real clips in the probes.
    pub probe_clips: usize,
    /// Distance of real clips from the same clips frozen, and with shuffled frames.
    pub probe_frozen: f64,
    pub probe_shuffled: f64,
}
