//! `report.json`: what the numbers are called.
//!
//! The keys are a contract (the table in `evaluate/README.md`). A new number is a new key; a key never changes its
//! meaning without [`SCHEMA_VERSION`] going up. An interval that cannot be estimated is `null`, and so is agreement
//! with a truth that nobody recorded; any other number that is not finite is an error, because JSON would silently
//! write it as `null`.

mod actions;
mod distance;
mod quality;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use actions::{ActionAgreement, ActionEffect, Confusion, Effects, Moves};
pub use distance::Distance;
pub use quality::{LamUsage, Point, Rollout, TokenizerQuality};

use crate::statistics::bootstrap::Interval;

/// Version of the layout of `report.json`.
pub const SCHEMA_VERSION: u32 = 3;

/// A report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    /// RFC 3339, UTC.
    pub created: String,
    pub headline: HeadlineNumbers,
    pub lineage: ReportLineage,
    pub counts: Counts,
    pub tokenizer: TokenizerQuality,
    pub lam: LamUsage,
    pub rollout: Rollout,
    pub delta_psnr_db: Vec<Point>,
    pub delta_psnr_time_shuffled_db: Vec<Point>,
    pub action_agreement: Option<ActionAgreement>,
    /// What each latent action does; not in schemas below 3.
    #[serde(default)]
    pub effects: Option<Effects>,
    /// Distances of generated clips from real ones, one for each encoder; none in schema 1, and none of too few clips.
    #[serde(default)]
    pub distances: Vec<Distance>,
    /// How fast frames are generated; not in schemas below 3.
    #[serde(default)]
    pub speed: Option<GenerationSpeed>,
    /// Whose weights LPIPS was measured with; `null`, and no LPIPS, without any.
    #[serde(default)]
    pub lpips_weights: Option<LpipsWeights>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// The numbers to read first, repeated from below.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeadlineNumbers {
    pub t: usize,
    pub delta_psnr_db: f64,
    pub delta_psnr_db_ci95: Option<Interval>,
    pub delta_psnr_time_shuffled_db: f64,
    pub delta_psnr_time_shuffled_db_ci95: Option<Interval>,
    pub tokenizer_psnr_db: f64,
    pub tokenizer_psnr_baseline_db: f64,
    pub nmi: Option<f64>,
    pub nmi_shuffled: Option<f64>,
}

/// Where the numbers come from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReportLineage {
    /// Content hash of the clip shards.
    pub data: String,
    /// Work keys.
    pub tokenizer: String,
    pub lam: String,
    pub dynamics: String,
    pub evaluate: String,
    pub device: String,
    /// The resolved `[evaluate]` section.
    pub config: serde_json::Value,
    /// Of the program and the formats.
    pub versions: BTreeMap<String, String>,
}

/// How much was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counts {
    pub sources: usize,
    pub clips: usize,
    pub windows: usize,
    pub windows_asked: usize,
    /// Pairs of latent and true action.
    pub action_pairs: u64,
    pub window_frames: usize,
    pub prompt_frames: usize,
    pub height: usize,
    pub width: usize,
    /// What the bootstrap resamples: `source`, or `clip` where there is only one source.
    pub bootstrap_unit: String,
    pub bootstrap_groups: usize,
    pub bootstrap_draws: usize,
}

/// The weights of LPIPS.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LpipsWeights {
    /// What the distance may be called: `LPIPS (alex)` only with the last layers that it was published with.
    pub name: String,
    /// Of the file's content.
    pub hash: String,
    /// Whether its last layers are those. Of the `AlexNet` before them nothing is known.
    pub published_layers: bool,
}

/// How fast the models generate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GenerationSpeed {
    pub device: String,
    /// One world at a time, as it is played.
    pub frames_per_second: f64,
    /// Worlds at once, and frames of all of them together.
    pub batch: usize,
    pub batch_frames_per_second: f64,
}
