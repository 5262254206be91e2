//! What features come from, as far as distances need to know.

use anyhow::{Result, ensure};

use crate::distance::moments::Divisor;
use crate::world::VideoBatch;

/// An encoder of clips, and what distances on its features are called.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderDescription {
    /// What a distance on its features is called.
    pub name: String,
    /// Whether that may be compared with published FVD.
    pub comparable: bool,
    /// What computes the features: names the weights, too.
    pub identity: String,
    /// How frames are prepared, where there is a choice.
    pub preset: Option<String>,
    /// Of the covariance.
    pub divisor: Divisor,
    /// Numbers a clip.
    pub dimension: usize,
}

/// Something that makes features of clips.
pub trait ClipFeatures {
    /// What it is.
    fn encoder(&self) -> &EncoderDescription;
    /// A row of features for each clip, one after the other.
    ///
    /// # Errors
    /// When the clips do not fit the encoder.
    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>>;
}

/// Several, each for a distance of its own.
pub type Encoders = Vec<Box<dyn ClipFeatures>>;

/// An encoder's features of some clips, checked: what is no number would go on into every statistic.
///
/// # Errors
/// The encoder's own, or when a feature is not finite.
pub fn features_of(encoder: &dyn ClipFeatures, clips: &VideoBatch) -> Result<Vec<f32>> {
    let features = encoder.features(clips)?;
    let EncoderDescription { identity, dimension, .. } = encoder.encoder();
    ensure!(
        features.len() == clips.batch * dimension,
        "{identity} returned {} features for {} clips, expected {dimension} for each",
        features.len(),
        clips.batch,
    );
    ensure!(
        features.iter().all(|feature| feature.is_finite()),
        "{identity} returned a feature that is not a finite number: its weights are damaged",
    );
    Ok(features)
}
