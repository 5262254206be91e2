//! The interface of clip encoders, and their description in the report.

use anyhow::{Result, ensure};

use crate::distance::moments::Divisor;
use crate::world::VideoBatch;

/// Description of a clip encoder and of the distances on its features.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderDescription {
    /// Name of distances on its features.
    pub name: String,
    /// Whether these distances are comparable with published FVD.
    pub comparable: bool,
    /// Name of the encoder and of its weights.
    pub identity: String,
    /// Preparation of the frames, if there is a choice.
    pub preset: Option<String>,
    /// Divisor of the covariance.
    pub divisor: Divisor,
    /// Features of a clip.
    pub dimension: usize,
}

/// An encoder of clips.
pub trait ClipFeatures {
    /// Returns the encoder's description.
    fn encoder(&self) -> &EncoderDescription;
    /// Computes the features `[clips, dimension]`, row by row.
    ///
    /// # Errors
    /// Fails if the clips do not fit the encoder.
    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>>;
}

/// Encoders; each gives its own distance.
pub type Encoders = Vec<Box<dyn ClipFeatures>>;

/// Computes the features of some clips and checks them.
///
/// # Errors
/// Fails if the encoder fails, or if a feature is missing or not finite. Such a feature would enter
/// every statistic.
pub fn features_of(encoder: &dyn ClipFeatures, clips: &VideoBatch) -> Result<Vec<f32>> {
    let features = encoder.features(clips)?;
    let EncoderDescription { identity, dimension, .. } = encoder.encoder();
    ensure!(
        features.len() == clips.batch * dimension,
        "{identity} returned {} features for {} clips; expected {dimension} for each clip",
        features.len(),
        clips.batch,
    );
    ensure!(
        features.iter().all(|feature| feature.is_finite()),
        "{identity} returned a feature that is not finite: its weight file is damaged; get \
         it again",
    );
    Ok(features)
}
