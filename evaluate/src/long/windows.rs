//! Features of windows of a long clip, real and generated, at several times.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::distance::{Encoders, features_of};
use crate::long::curve::marks;
use crate::long::settings::LongSettings;
use crate::world::VideoBatch;

/// Features of the window of a clip that ends with frame t, one list for each encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowFeatures {
    pub t: usize,
    pub real: Vec<Vec<f32>>,
    pub generated: Vec<Vec<f32>>,
}

/// Returns the marked frames at which whole windows of a clip of `frames` frames end.
pub fn window_ends(settings: &LongSettings, frames: usize) -> Vec<usize> {
    let mut ends = marks(settings.prompt_frames, frames);
    ends.retain(|t| t + 1 >= settings.window);
    ends
}

/// Encodes the windows of clips: one list for each clip.
///
/// # Errors
/// Fails if windows cannot be encoded.
pub fn features(
    encoders: &Encoders,
    settings: &LongSettings,
    real: &VideoBatch,
    generated: &VideoBatch,
) -> Result<Vec<Vec<WindowFeatures>>> {
    let mut clips = vec![Vec::new(); real.batch];
    if encoders.is_empty() {
        return Ok(clips);
    }
    for t in window_ends(settings, real.frames) {
        let first = t + 1 - settings.window;
        let encode = |video: &VideoBatch| -> Result<Vec<Vec<Vec<f32>>>> {
            let window = video.between(first, settings.window);
            encoders
                .iter()
                .map(|encoder| {
                    let rows = features_of(encoder.as_ref(), &window)?;
                    Ok(rows.chunks(encoder.encoder().dimension).map(<[f32]>::to_vec).collect())
                })
                .collect()
        };
        let (real, generated) = (encode(real)?, encode(generated)?);
        for (b, clip) in clips.iter_mut().enumerate() {
            let of = |rows: &[Vec<Vec<f32>>]| rows.iter().map(|rows| rows[b].clone()).collect();
            clip.push(WindowFeatures { t, real: of(&real), generated: of(&generated) });
        }
    }
    Ok(clips)
}
