//! `report.json`: what the numbers are called.
//!
//! The keys are a contract (the table in `evaluate/README.md`). A new number is a new key; a key never changes its
//! meaning without [`SCHEMA_VERSION`] going up. An interval that cannot be estimated is `null`, and so is agreement
//! with a truth that nobody recorded; any other number that is not finite is an error, because JSON would silently
//! write it as `null`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::bootstrap::Interval;

/// Version of the layout of `report.json`.
pub const SCHEMA_VERSION: u32 = 3;

/// A report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub schema_version: u32,
    /// RFC 3339, UTC.
    pub created: String,
    pub headline: Headline,
    pub lineage: Lineage,
    pub counts: Counts,
    pub tokenizer: Tokenizer,
    pub lam: Lam,
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
    pub speed: Option<Speed>,
    /// Whose weights LPIPS was measured with; `null`, and no LPIPS, without any.
    #[serde(default)]
    pub lpips_weights: Option<LpipsWeights>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// The numbers to read first, repeated from below.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Headline {
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
pub struct Lineage {
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

/// How well tokens stand for frames. Means are over frames 1, 2, … of every window: frame 0 is the baseline's own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tokenizer {
    pub psnr_db: f64,
    pub psnr_db_ci95: Option<Interval>,
    pub psnr_baseline_db: f64,
    pub psnr_baseline_db_ci95: Option<Interval>,
    /// `psnr_db` − `psnr_baseline_db`, with the interval of the paired difference.
    pub psnr_gain_db: f64,
    pub psnr_gain_db_ci95: Option<Interval>,
    pub ssim: f64,
    pub ssim_ci95: Option<Interval>,
    pub ssim_baseline: f64,
    pub ssim_baseline_ci95: Option<Interval>,
    /// `null`, as all of LPIPS, without weights.
    #[serde(default)]
    pub lpips: Option<f64>,
    #[serde(default)]
    pub lpips_ci95: Option<Interval>,
    #[serde(default)]
    pub lpips_baseline: Option<f64>,
    #[serde(default)]
    pub lpips_baseline_ci95: Option<Interval>,
    pub codebook_size: usize,
    pub codes_used: usize,
    pub perplexity: f64,
}

/// How the latent actions are used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lam {
    pub codebook_size: usize,
    pub codes_used: usize,
    pub perplexity: f64,
    /// Share of each latent action among all.
    pub share: Vec<f64>,
}

/// Each generated frame against the real one. What schemas below 3 do not have is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rollout {
    /// Generated with the clip's inferred actions.
    pub psnr_db: Vec<Point>,
    /// Standing still at the last prompt frame.
    pub psnr_copy_last_db: Vec<Point>,
    /// One picture for everything: the mean of training footage. Empty without training footage.
    #[serde(default)]
    pub psnr_mean_frame_db: Vec<Point>,
    /// The tokenizer's reconstruction: nothing generated from tokens can be expected to be better.
    pub psnr_reconstruction_db: Vec<Point>,
    #[serde(default)]
    pub ssim: Vec<Point>,
    #[serde(default)]
    pub ssim_copy_last: Vec<Point>,
    #[serde(default)]
    pub ssim_reconstruction: Vec<Point>,
    /// Empty, as all of LPIPS, without weights.
    #[serde(default)]
    pub lpips: Vec<Point>,
    #[serde(default)]
    pub lpips_copy_last: Vec<Point>,
    #[serde(default)]
    pub lpips_reconstruction: Vec<Point>,
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
pub struct Speed {
    pub device: String,
    /// One world at a time, as it is played.
    pub frames_per_second: f64,
    /// Worlds at once, and frames of all of them together.
    pub batch: usize,
    pub batch_frames_per_second: f64,
}

/// What latent actions do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effects {
    /// From how many windows each action was held, and for how many frames.
    pub starts: usize,
    pub hold_frames: usize,
    /// One for each latent action.
    pub actions: Vec<ActionEffect>,
    /// `null` of fewer than two starts.
    pub consistency: Option<Consistency>,
}

/// What one latent action does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionEffect {
    pub action: usize,
    /// Share of frames that it leads to.
    pub share: f64,
    /// The true action that more than half of these go with, and how many do; `null` where truth is not known or none has a majority.
    pub name: Option<String>,
    pub name_share: Option<f64>,
    /// The true movement, likewise.
    pub movement: Option<String>,
    pub movement_share: Option<f64>,
    /// What moves between real frames where it was inferred; `null` where it never was.
    pub recorded: Option<Moves>,
    /// What moves between generated frames while it is held; `null` without starts.
    pub held: Option<Moves>,
}

/// Mean motion in pixels a frame: of the whole picture, and of what moves against it. x grows to the right, y downwards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Moves {
    /// Pairs of frames, or starts.
    pub count: usize,
    pub scroll_x: f64,
    pub scroll_x_ci95: Option<Interval>,
    pub scroll_y: f64,
    pub scroll_y_ci95: Option<Interval>,
    pub figure_x: f64,
    pub figure_x_ci95: Option<Interval>,
    pub figure_y: f64,
    pub figure_y_ci95: Option<Interval>,
}

/// Whether held actions do the same from every start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// Share of what moves differently from start to start that the action alone explains.
    pub explained: f64,
    pub explained_ci95: Option<Interval>,
    /// The same with actions exchanged at random: mean, and what 95 of 100 stay below.
    pub shuffled: f64,
    pub shuffled_p95: f64,
}

/// A mean at frame `t`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    pub t: usize,
    pub mean: f64,
    pub ci95: Option<Interval>,
}

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

/// Counts of (latent, true) pairs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confusion {
    /// Names of the columns.
    pub names: Vec<String>,
    /// A row for each latent action.
    pub counts: Vec<Vec<u64>>,
}

/// Agreement of latent actions with true actions and, as `effect_…`, with the true displacement where that is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionAgreement {
    pub nmi: f64,
    pub nmi_ci95: Option<Interval>,
    pub nmi_shuffled: f64,
    pub nmi_shuffled_p95: f64,
    pub accuracy: f64,
    pub accuracy_ci95: Option<Interval>,
    pub accuracy_baseline: f64,
    pub confusion: Confusion,
    pub effect_nmi: Option<f64>,
    pub effect_nmi_ci95: Option<Interval>,
    pub effect_nmi_shuffled: Option<f64>,
    pub effect_nmi_shuffled_p95: Option<f64>,
    pub effect_accuracy: Option<f64>,
    pub effect_accuracy_ci95: Option<Interval>,
    pub effect_accuracy_baseline: Option<f64>,
    pub effect_confusion: Option<Confusion>,
}

impl Report {
    /// The report as pretty JSON.
    ///
    /// # Errors
    /// When a number is not finite; the message names its key.
    pub fn to_json(&self) -> Result<String> {
        let value = serde_json::to_value(self)?;
        if let Some(key) = not_finite(&value, "") {
            bail!(
                "{key} is not a finite number (a model that diverged, or nothing to measure it on): no report was written; \
                 look at the training metrics of the models in its lineage"
            );
        }
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }
}

/// Keys that are `null` where there is nothing to say.
const MAY_BE_ABSENT: [&str; 15] = [
    "action_agreement",
    "preset",
    "frechet_infinity",
    "effects",
    "speed",
    "consistency",
    "name",
    "name_share",
    "movement",
    "movement_share",
    "held",
    "recorded",
    "lpips",
    "lpips_baseline",
    "lpips_weights",
];

/// Path of the first `null` that does not stand for something absent.
fn not_finite(value: &serde_json::Value, path: &str) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::Null => {
            let key = path.rsplit('.').next().unwrap_or(path);
            let headline_of_truth = path == "headline.nmi" || path == "headline.nmi_shuffled";
            let may_be_absent = key.ends_with("ci95")
                || key.starts_with("effect_")
                || MAY_BE_ABSENT.contains(&key)
                || headline_of_truth;
            (!may_be_absent).then(|| path.to_owned())
        }
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, item)| not_finite(item, &format!("{path}[{i}]")))
        }
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if path == "lineage.config" { None } else { not_finite(item, &path) }
        }),
        _ => None,
    }
}
