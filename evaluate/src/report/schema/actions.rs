//! `effects` and `action_agreement` of `report.json`.

use serde::{Deserialize, Serialize};

use crate::statistics::bootstrap::Interval;
use crate::statistics::consistency::Consistency;

/// The effects of latent actions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effects {
    /// Number of windows from which each action was held, and number of generated frames measured.
    pub starts: usize,
    pub hold_frames: usize,
    /// One entry for each latent action.
    pub actions: Vec<ActionEffect>,
    /// `null` if there are fewer than two starts.
    pub consistency: Option<Consistency>,
}

/// The effect of one latent action.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ActionEffect {
    pub action: usize,
    /// Share of the frames that the action leads to.
    pub share: f64,
    /// The true action of more than half of these frames, and its share.
    ///
    /// `null` if true actions are not known, or if no true action has a majority.
    pub name: Option<String>,
    pub name_share: Option<f64>,
    /// The same for the true movement.
    pub movement: Option<String>,
    pub movement_share: Option<f64>,
    /// Motion between real frames where the action was inferred; `null` if it never was.
    pub recorded: Option<Moves>,
    /// Motion between generated frames while the action is held.
    ///
    /// `null` without starts, and for actions that are not held: only the most frequent ones are.
    pub held: Option<Moves>,
}

/// Mean motion in pixels per frame, of the whole picture and of the figure.
///
/// x grows to the right, y downwards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Moves {
    /// Number of pairs of frames, or of starts.
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

/// Counts of pairs (latent action, true action).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confusion {
    /// Names of the columns.
    pub names: Vec<String>,
    /// One row for each latent action.
    pub counts: Vec<Vec<u64>>,
}

/// Agreement of latent actions with true actions.
///
/// Keys that start with `effect_` are the same for the true displacement; `null` if it is not
/// known.
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
