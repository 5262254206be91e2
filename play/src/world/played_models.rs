//! Which models are played, and how their frames are sampled.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use genie_model::SamplerConfig;

use super::keys::ModelKeys;

/// Which models are played, and how.
pub struct PlayedModels {
    /// Work keys of the models.
    pub keys: ModelKeys,
    /// BLAKE3 of the models' weights.
    pub weights: ModelKeys,
    pub device: String,
    /// Directory of the newest report about these models.
    pub report: Option<Utf8PathBuf>,
    /// The sampler's settings: those of the report, else of the config.
    pub sampler: SamplerConfig,
    /// Number of frames that a rollout of the report starts from.
    pub prompt: usize,
    /// The seeds of the report's rollouts, by clip and first frame.
    pub seeds: BTreeMap<(String, usize), u64>,
}
