//! The keys of `report.json`.
//!
//! The keys are a contract (the table in `docs/report.md`). A new number gets a new key. If a
//! key changes its meaning, [`SCHEMA_VERSION`] goes up. An interval that cannot be estimated is
//! `null`, and so is agreement without true actions. Any other number that is not finite is an
//! error, because JSON would write it as `null` without notice.

mod actions;
mod ceiling;
mod distance;
mod long;
mod quality;

use std::collections::BTreeMap;

use genie_training::Trust;
use serde::{Deserialize, Serialize};

pub use actions::{ActionAgreement, ActionEffect, Confusion, Effects, Moves};
pub use ceiling::{Ceiling, CeilingShare, KeyReading, KeyReadingAtLag, KeyReadings};
pub use distance::Distance;
pub use long::{
    LongDistance, LongRollouts, ObjectPresence, Reached, ThereAndBack, Way, WindowDistance,
};
pub use quality::{LamUsage, Point, Rollout, TokenizerQuality};

use crate::statistics::bootstrap::Interval;

/// Version of the layout of `report.json`.
pub const SCHEMA_VERSION: u32 = 4;

/// A report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    /// Date and time, RFC 3339, UTC.
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
    /// What frames say about the true actions, to a supervised network and to the latent actions.
    ///
    /// Missing in schemas below 4, without true actions, and if it is turned off.
    #[serde(default)]
    pub ceiling: Option<Ceiling>,
    /// The effect of each latent action; missing in schemas below 3.
    #[serde(default)]
    pub effects: Option<Effects>,
    /// Distances between real and generated clips, one for each encoder.
    ///
    /// Empty in schema 1, and if there are too few clips.
    #[serde(default)]
    pub distances: Vec<Distance>,
    /// Speed of generation; missing in schemas below 3.
    #[serde(default)]
    pub speed: Option<GenerationSpeed>,
    /// Origin of the LPIPS weights; `null` without weights, and then there is no LPIPS.
    #[serde(default)]
    pub lpips_weights: Option<LpipsWeights>,
    /// Which signals of doubt follow the true error; missing in older reports.
    #[serde(default)]
    pub trust: Option<Trust>,
    /// Rollouts of whole clips; `null` if they are turned off, and missing in schemas below 4.
    #[serde(default)]
    pub long: Option<LongRollouts>,
    /// Warnings that a reader needs before trusting the numbers.
    pub warnings: Vec<String>,
}

/// The numbers to read first; all of them are also in other sections.
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

/// Origin of the numbers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReportLineage {
    /// Content hash of the clip shards.
    pub data: String,
    /// Work keys of the models and of the report.
    pub tokenizer: String,
    pub lam: String,
    pub dynamics: String,
    pub evaluate: String,
    pub device: String,
    /// The resolved `[evaluate]` section.
    pub config: serde_json::Value,
    /// Versions of the program and of the formats.
    pub versions: BTreeMap<String, String>,
}

/// Counts of the measured clips, windows and recordings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counts {
    pub sources: usize,
    pub clips: usize,
    pub windows: usize,
    pub windows_asked: usize,
    /// Pairs of a latent and a true action.
    pub action_pairs: u64,
    /// Windows with true actions, on which agreement is measured.
    #[serde(default)]
    pub agreement_windows: usize,
    /// Held-out windows with true actions or effects, from which these were chosen.
    #[serde(default)]
    pub agreement_windows_available: usize,
    pub window_frames: usize,
    pub prompt_frames: usize,
    pub height: usize,
    pub width: usize,
    /// Unit of the bootstrap: `source`, or `clip` if there is only one source.
    pub bootstrap_unit: String,
    pub bootstrap_groups: usize,
    pub bootstrap_draws: usize,
}

/// The LPIPS weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LpipsWeights {
    /// Name of the distance: `LPIPS (alex)` only with the published last layers.
    pub name: String,
    /// Hash of the file's content.
    pub hash: String,
    /// Whether the last layers are the published ones; the `AlexNet` before them is not verified.
    pub published_layers: bool,
}

/// Speed of generation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GenerationSpeed {
    pub device: String,
    /// Frames per second of one world.
    pub frames_per_second: f64,
    /// Number of worlds in one batch, and the frames per second of all of them together.
    pub batch: usize,
    pub batch_frames_per_second: f64,
}
