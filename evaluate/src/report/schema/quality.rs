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

/// How well tokens stand for frames. Means are over frames 1, 2, … of every window: frame 0 is the baseline's own.
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
pub struct LamUsage {
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
