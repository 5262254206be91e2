//! The interface of clip encoders, and their description in the report.

use std::rc::Rc;

use anyhow::{Result, ensure};

use crate::distance::moments::Divisor;
use crate::world::VideoBatch;

/// Description of a clip encoder and of the distances between its features.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderDescription {
    /// Name of the distance in the report, such as `FVD`.
    pub name: String,
    /// Whether these distances are comparable with published FVD.
    pub comparable: bool,
    /// Name of the encoder and of its weights.
    pub identity: String,
    /// Name of the preset by which I3D's input frames are prepared; `None` for other encoders.
    pub preset: Option<String>,
    /// Divisor of the covariance: the number of clips, or one less.
    pub divisor: Divisor,
    /// Number of features per clip.
    pub dimension: usize,
}

/// An encoder of clips.
pub trait ClipFeatures {
    /// Returns the encoder's description.
    fn encoder(&self) -> &EncoderDescription;
    /// Computes the features `[clips, dimension]`, row-major.
    ///
    /// # Errors
    /// Fails if the clips do not fit the encoder.
    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>>;
}

/// The encoders of a report. The report has one distance for each.
///
/// They are shared by the windows and the long rollouts.
pub type Encoders = Vec<Rc<dyn ClipFeatures>>;

/// Computes the features `[clips, dimension]` of some clips, and checks them.
///
/// # Errors
/// Fails if the encoder fails, or if a feature is missing or not finite. One such feature would
/// make every distance wrong.
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
        "{identity} returned a feature that is not finite: its weight file is damaged; \
         download it again",
    );
    Ok(features)
}
