//! Scores of one measured window, and their columns.
//!
//! A new score is a field of [`WindowScores`]. If it is a list of numbers, it also needs a name in
//! [`CURVES`].

use arrow::{
    array::StringArray,
    datatypes::{Float64Type, UInt8Type, UInt32Type},
};

use crate::{error::Result, schema::columns::Columns};

/// Scores of one window; PSNR is in decibels.
///
/// Lists over all frames have one entry per frame. Lists of rollouts begin at the first generated
/// frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WindowScores {
    /// Actions that the rollouts use, between the frames: `[t - 1]`.
    ///
    /// The latent action model infers them. For a model of true actions they are the true actions.
    pub latent: Vec<u8>,
    /// How often each tokenizer code occurs in the window.
    pub token_counts: Vec<u32>,
    /// Hash of the rollout with the window's own actions; see [`rollout_hash`].
    pub rollout: String,
    /// PSNR of the tokenizer's reconstruction, all frames.
    pub reconstruction_psnr: Vec<f64>,
    pub reconstruction_ssim: Vec<f64>,
    /// LPIPS, here and below, is empty if no LPIPS weights were given.
    pub reconstruction_lpips: Vec<f64>,
    /// A copy of the first frame as the prediction, all frames.
    pub copy_first_psnr: Vec<f64>,
    pub copy_first_ssim: Vec<f64>,
    pub copy_first_lpips: Vec<f64>,
    /// A copy of the last prompt frame as the prediction, generated frames.
    pub copy_last_psnr: Vec<f64>,
    pub copy_last_ssim: Vec<f64>,
    pub copy_last_lpips: Vec<f64>,
    /// The mean training frame as the prediction, generated frames; empty without training frames.
    pub mean_frame_psnr: Vec<f64>,
    /// Rollouts with the window's own actions, generated frames.
    pub inferred_psnr: Vec<f64>,
    pub inferred_ssim: Vec<f64>,
    pub inferred_lpips: Vec<f64>,
    /// Mean entropy of a frame's tokens when they were set, in nats; empty if it is not known.
    ///
    /// Here and below, `inferred` is of rollouts with the window's own actions, generated frames.
    pub inferred_entropy: Vec<f64>,
    /// Share of a frame's tokens that change when the frame is decoded and encoded again.
    ///
    /// This and the next three are empty for windows whose frames are not encoded again.
    pub inferred_changed_tokens: Vec<f64>,
    /// Root mean square difference between a frame and its own reconstruction, in 8-bit levels.
    pub inferred_reencoding_rms: Vec<f64>,
    /// The two of the tokenizer's reconstruction of the window, all frames.
    pub reconstruction_changed_tokens: Vec<f64>,
    pub reconstruction_reencoding_rms: Vec<f64>,
    /// Rollouts with random actions: mean over the draws.
    pub random_psnr: Vec<f64>,
    /// Rollouts with the window's own actions shuffled in time: mean over the draws.
    pub shuffled_psnr: Vec<f64>,
    /// True motion between all adjacent frames.
    pub moved: Motions,
    /// Mean motion per frame while one latent action is held, one entry per latent action.
    ///
    /// Empty for windows from which no action is held.
    pub held: Motions,
}

/// Motion in pixels per frame, x to the right and y downwards.
///
/// `scroll` is the motion of the whole picture. `figure` is the motion of the parts that move
/// relative to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Motions {
    pub scroll_x: Vec<f64>,
    pub scroll_y: Vec<f64>,
    pub figure_x: Vec<f64>,
    pub figure_y: Vec<f64>,
}

impl Motions {
    /// All four lists.
    #[must_use]
    pub fn parts(&self) -> [&Vec<f64>; 4] {
        [&self.scroll_x, &self.scroll_y, &self.figure_x, &self.figure_y]
    }

    /// All four lists, to fill them.
    pub fn parts_mut(&mut self) -> [&mut Vec<f64>; 4] {
        [&mut self.scroll_x, &mut self.scroll_y, &mut self.figure_x, &mut self.figure_y]
    }
}

/// Returns the hash of a window's tokens `[t, s]`, the prompt's frames included.
///
/// It is the first 16 hex digits of BLAKE3 over the tokens as little-endian 16-bit numbers. Another
/// program can use it to check that it generates the same tokens.
#[must_use]
pub fn rollout_hash(tokens: &[u16]) -> String {
    const DIGITS: usize = 16;
    let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    blake3::hash(&bytes).to_hex()[..DIGITS].to_owned()
}

/// A list of scores: its column name, its getter, its setter.
pub(crate) type Curve =
    (&'static str, fn(&WindowScores) -> &[f64], fn(&mut WindowScores) -> &mut Vec<f64>);

macro_rules! curves {
    ($($name:literal: $($field:ident).+),* $(,)?) => {
        [$(($name, |scores| &scores.$($field).+, |scores| &mut scores.$($field).+)),*]
    };
}

/// All lists of numbers among the scores, in schema order.
pub(crate) const CURVES: &[Curve] = &curves![
    "reconstruction_psnr": reconstruction_psnr,
    "reconstruction_ssim": reconstruction_ssim,
    "reconstruction_lpips": reconstruction_lpips,
    "copy_first_psnr": copy_first_psnr,
    "copy_first_ssim": copy_first_ssim,
    "copy_first_lpips": copy_first_lpips,
    "copy_last_psnr": copy_last_psnr,
    "copy_last_ssim": copy_last_ssim,
    "copy_last_lpips": copy_last_lpips,
    "mean_frame_psnr": mean_frame_psnr,
    "inferred_psnr": inferred_psnr,
    "inferred_ssim": inferred_ssim,
    "inferred_lpips": inferred_lpips,
    "inferred_entropy": inferred_entropy,
    "inferred_changed_tokens": inferred_changed_tokens,
    "inferred_reencoding_rms": inferred_reencoding_rms,
    "reconstruction_changed_tokens": reconstruction_changed_tokens,
    "reconstruction_reencoding_rms": reconstruction_reencoding_rms,
    "random_psnr": random_psnr,
    "shuffled_psnr": shuffled_psnr,
    "moved_scroll_x": moved.scroll_x,
    "moved_scroll_y": moved.scroll_y,
    "moved_figure_x": moved.figure_x,
    "moved_figure_y": moved.figure_y,
    "held_scroll_x": held.scroll_x,
    "held_scroll_y": held.scroll_y,
    "held_figure_x": held.figure_x,
    "held_figure_y": held.figure_y,
];

pub(crate) fn read(columns: Columns<'_>) -> Result<Vec<WindowScores>> {
    let latent = columns.required_lists::<UInt8Type>("latent")?;
    let counts = columns.required_lists::<UInt32Type>("token_counts")?;
    let rollouts = columns.required::<StringArray>("rollout")?;
    let all = latent.into_iter().zip(counts).enumerate();
    let mut scores: Vec<WindowScores> = all
        .map(|(i, (latent, token_counts))| WindowScores {
            latent,
            token_counts,
            rollout: rollouts.value(i).to_owned(),
            ..WindowScores::default()
        })
        .collect();
    for (name, _, place) in CURVES {
        for (scores, values) in scores.iter_mut().zip(columns.required_lists::<Float64Type>(name)?)
        {
            *place(scores) = values;
        }
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the hash is of big-endian tokens or of single bytes, so no other program finds it.
    #[test]
    fn a_rollout_is_hashed_as_little_endian_tokens() {
        let expected = blake3::hash(&[1, 0, 2, 3]).to_hex();
        assert_eq!(rollout_hash(&[1, 0x0302]), expected[..16]);
    }
}
