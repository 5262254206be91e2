//! `long` of `report.json`: rollouts of whole clips.

use serde::{Deserialize, Serialize};

use crate::report::schema::quality::{Point, Rollout};
use crate::statistics::bootstrap::Interval;

/// Rollouts of whole held-out clips with their own actions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LongRollouts {
    /// Clips that were generated, and clips that the config asks for.
    pub clips: usize,
    pub clips_asked: usize,
    /// Frames of the longest rollout, its prompt included.
    pub frames: usize,
    /// Number of clips that reach each measured frame.
    pub reached: Vec<Reached>,
    /// The same curves as `rollout`, over the clips that reach each frame.
    pub rollout: Rollout,
    /// PSNR of the rollout − PSNR of the copy of the last prompt frame, paired by clip.
    pub gain_over_copy_db: Vec<Point>,
    /// First frame at which half of the lead over the mean frame is gone.
    ///
    /// `null` if more than half is left at the end, and without training clips.
    pub half_life: Option<usize>,
    /// The same as a lower bound: the number of frames if more than half is left at the end.
    ///
    /// `null` without training clips.
    pub half_life_at_least: Option<usize>,
    /// Distances of late windows, one entry for each encoder; empty for fewer than four clips.
    pub distances: Vec<LongDistance>,
    pub there_and_back: ThereAndBack,
    /// Objects of known colours, in the order of `evaluate.objects`.
    pub objects: Vec<ObjectPresence>,
}

/// The number of clips that reach a frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reached {
    pub t: usize,
    pub clips: usize,
}

/// Distances between generated and real windows at several times, by features of one encoder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LongDistance {
    /// Name of the distance: `FVD` only for I3D with its genuine weights.
    pub name: String,
    pub comparable_with_fvd: bool,
    pub encoder: String,
    pub preset: Option<String>,
    pub windows: Vec<WindowDistance>,
    /// `half_generated` / `half_floor` of each window, without intervals.
    pub over_floor: Vec<Point>,
}

/// The distance between generated and real windows that end with frame `t`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WindowDistance {
    pub t: usize,
    pub real_clips: usize,
    pub frechet: f64,
    pub frechet_ci95: Option<Interval>,
    /// Clips on each side in `half_floor` and `half_generated`.
    pub half_clips: f64,
    /// Distance between two halves of the real windows, mean of several halvings.
    pub half_floor: f64,
    /// Distance between one half's real windows and the other half's generated ones.
    pub half_generated: f64,
    pub kernel: f64,
    pub kernel_ci95: Option<Interval>,
}

/// Whether the world comes back when an action is followed by its opposite.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ThereAndBack {
    /// One entry for each pair of opposite actions, order and length; empty if there is no pair.
    pub ways: Vec<Way>,
    /// Mean gain over the longest ways; `null` without ways.
    pub gain_db: Option<f64>,
    pub gain_db_ci95: Option<Interval>,
}

/// An action for `frames` frames, and then its opposite for as many.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Way {
    pub there: u8,
    pub back: u8,
    pub frames: usize,
    pub starts: usize,
    /// PSNR of the frame after the way there against the frame before it.
    pub psnr_there_db: f64,
    /// PSNR of the frame after the way back against the frame before the way there.
    pub psnr_back_db: f64,
    /// `psnr_back_db` − `psnr_there_db`, paired by start.
    pub gain_db: f64,
    pub gain_db_ci95: Option<Interval>,
}

/// Whether objects of known colours stay in the picture, as shares of clips at each frame.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ObjectPresence {
    pub name: String,
    /// Clips whose last prompt frame shows whole objects of this kind, and nothing else of it.
    pub clips: usize,
    /// Recordings with as many whole objects as their prompt.
    pub recorded: Vec<Point>,
    /// Reconstructions with as many.
    pub reconstructed: Vec<Point>,
    /// Rollouts with as many.
    pub as_many: Vec<Point>,
    /// Rollouts without any.
    pub none: Vec<Point>,
    /// Rollouts with as many, each near a recorded one; over recordings that have as many.
    pub near: Vec<Point>,
    /// Clips from which each latent action was held.
    pub held_starts: usize,
    /// Rollouts of a held action with as many, over all latent actions.
    pub held: Vec<Point>,
    /// The same for each latent action, without intervals; empty without starts.
    pub held_by_action: Vec<Vec<Point>>,
}
