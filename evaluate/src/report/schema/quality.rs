//! `tokenizer`, `lam` and `rollout` of `report.json`.

use serde::{Deserialize, Serialize};

use crate::statistics::bootstrap::Interval;

/// A mean at frame `t`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    pub t: usize,
    pub mean: f64,
    pub ci95: Option<Interval>,
}

/// Quality of the tokenizer's reconstruction.
///
/// Means are over all frames of a window but frame 0, which the baseline copies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenizerQuality {
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
    /// `null` without LPIPS weights, as all keys of LPIPS.
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

/// Use of the latent actions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LamUsage {
    pub codebook_size: usize,
    pub codes_used: usize,
    pub perplexity: f64,
    /// Share of each latent action.
    pub share: Vec<f64>,
}

/// Quality of generated frames against real ones.
///
/// Lists that schemas below 3 lack are empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rollout {
    /// Frames generated with the clip's inferred actions.
    pub psnr_db: Vec<Point>,
    /// A copy of the last prompt frame.
    pub psnr_copy_last_db: Vec<Point>,
    /// The mean frame of the training clips; empty if there are no training clips.
    #[serde(default)]
    pub psnr_mean_frame_db: Vec<Point>,
    /// The tokenizer's reconstruction: the upper limit for frames generated from tokens.
    pub psnr_reconstruction_db: Vec<Point>,
    #[serde(default)]
    pub ssim: Vec<Point>,
    #[serde(default)]
    pub ssim_copy_last: Vec<Point>,
    #[serde(default)]
    pub ssim_reconstruction: Vec<Point>,
    /// Empty without LPIPS weights, as all lists of LPIPS.
    #[serde(default)]
    pub lpips: Vec<Point>,
    #[serde(default)]
    pub lpips_copy_last: Vec<Point>,
    #[serde(default)]
    pub lpips_reconstruction: Vec<Point>,
}
