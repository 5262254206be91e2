//! `ceiling` of `report.json`.

use serde::{Deserialize, Serialize};

use crate::statistics::bootstrap::Interval;

/// What the latent actions say about the true actions, beside what a supervised network reads.
///
/// All of them are measured at the same steps of the held-out windows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ceiling {
    /// Number of measured held-out windows; 0 in reports from before it was counted.
    #[serde(default)]
    pub windows: usize,
    /// Number of measured held-out steps from one frame to the next.
    pub pairs: u64,
    /// Number of steps of training clips on which latent actions are named.
    pub training_pairs: u64,
    /// Number of frames of training clips with true actions, and training steps of each network.
    pub labelled_frames: u64,
    pub training_steps: usize,
    /// The scores for the keys; keys with the same effect count as one.
    pub keys: KeyReadings,
    /// The scores for the coarser division `[evaluate] directions`; `null` without it.
    pub directions: Option<KeyReadings>,
}

/// The scores of each reader for one division of the keys into classes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyReadings {
    /// Names of the classes of keys.
    pub names: Vec<String>,
    /// The latent actions.
    pub latent: KeyReading,
    /// A supervised network that sees the frames that the latent action model sees.
    pub narrow: KeyReading,
    /// A supervised network that sees one more frame after them; missing in older reports.
    #[serde(default)]
    pub ahead: Option<KeyReading>,
    /// A supervised network that sees more frames, before and after.
    pub wide: KeyReading,
    /// The latent actions as a share of each network.
    pub of_narrow: CeilingShare,
    #[serde(default)]
    pub of_ahead: Option<CeilingShare>,
    pub of_wide: CeilingShare,
}

/// The scores of a reader (latent actions or a network), at its own lag and at every lag.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyReading {
    /// Number of frames before and after frame t that the reader sees for the step from t to t+1.
    pub frames_before: usize,
    pub frames_after: usize,
    /// The numbers at the lag with the most information on training clips.
    #[serde(flatten)]
    pub chosen: KeyReadingAtLag,
    /// The numbers at lags 0, 1 and 2.
    pub lags: Vec<KeyReadingAtLag>,
}

/// How well a reader predicts the key at t − lag from the step from t to t+1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyReadingAtLag {
    pub lag: usize,
    pub nmi: f64,
    pub nmi_ci95: Option<Interval>,
    /// Mean NMI with shuffled keys.
    pub nmi_shuffled: f64,
    /// Lower bound of the information about the key, in nats: entropy minus cross-entropy.
    pub information_nats: f64,
    pub information_nats_ci95: Option<Interval>,
    pub accuracy: f64,
    pub accuracy_ci95: Option<Interval>,
    /// Entropy of the keys in nats, and share of the most common key.
    pub entropy_nats: f64,
    pub accuracy_baseline: f64,
}

/// The latent actions' numbers divided by a network's; `null` if the network is not above chance.
///
/// The intervals are missing in older reports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CeilingShare {
    pub nmi_share: Option<f64>,
    #[serde(default)]
    pub nmi_share_ci95: Option<Interval>,
    pub information_share: Option<f64>,
    #[serde(default)]
    pub information_share_ci95: Option<Interval>,
    /// Ratio of the accuracies, each minus its `accuracy_baseline`.
    pub accuracy_share: Option<f64>,
    #[serde(default)]
    pub accuracy_share_ci95: Option<Interval>,
}
