//! The scale of the scores that the network sees.

use serde::{Deserialize, Serialize};

use super::input::QualityInput;

/// Largest distance from the mean that the network sees, in standard deviations.
///
/// A clip that is far from all labelled clips must not get an extreme quality by one score.
const FARTHEST: f32 = 3.0;

/// Mean and standard deviation of each score over the training clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreScale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl ScoreScale {
    /// The scale of some clips, which all have the same scores.
    pub fn of(clips: &[QualityInput]) -> Self {
        let (count, width) =
            (clips.len() as f64, clips.first().map_or(0, |clip| clip.scores.len()));
        let mean_of = |value: &dyn Fn(f64) -> f64, score: usize| {
            let values = clips.iter().map(|clip| value(f64::from(clip.scores[score])));
            values.sum::<f64>() / count
        };
        let (mut mean, mut deviation) = (Vec::new(), Vec::new());
        for score in 0..width {
            let centre = mean_of(&|value| value, score);
            let spread = mean_of(&|value| (value - centre).powi(2), score).sqrt();
            mean.push(centre as f32);
            // A score that is the same for all clips says nothing.
            deviation.push(if spread > 1e-6 { spread as f32 } else { f32::MAX });
        }
        Self { mean, deviation }
    }

    /// Number of scores.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Scores in standard deviations from the mean.
    pub fn apply<'a>(&'a self, scores: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        let scaled = scores.iter().zip(&self.mean).zip(&self.deviation);
        scaled.map(|((score, mean), deviation)| {
            ((score - mean) / deviation).clamp(-FARTHEST, FARTHEST)
        })
    }
}
