//! `effects` and `action_agreement` of `report.json`.

use serde::{Deserialize, Serialize};

use crate::statistics::bootstrap::Interval;
use crate::statistics::consistency::Consistency;

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
