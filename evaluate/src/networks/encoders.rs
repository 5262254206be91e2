//! The clip encoders that distances use: the project's own encoder, and I3D if weights are given.
//!
//! Only a distance on the features of I3D with the published weights is called FVD. This module
//! enforces that.

use std::rc::Rc;

use anyhow::{Context, Result, bail};
use camino::Utf8Path;
use genie_model::{ClipEncoder, Device, I3d, I3dPreset};
use genie_training::EvaluateConfig;

use crate::distance::{ClipFeatures, Divisor, EncoderDescription, Encoders, Groups};
use crate::held_out::HeldOutWindow;
use crate::networks::weights::content_hash;
use crate::world::VideoBatch;

/// Chooses the groups of windows and the encoders for the distances.
///
/// Returns `None` if no distance can be measured. Adds the reason, and all warnings, to `notes`.
///
/// # Errors
/// Fails if the I3D weights cannot be used, or if the windows are too few or too short for them.
pub fn choose(
    config: &EvaluateConfig,
    device: Device,
    windows: &[HeldOutWindow],
    frames: usize,
    notes: &mut Vec<String>,
) -> Result<Option<(Groups, Encoders)>> {
    let groups = match Groups::of(windows) {
        Ok(groups) => groups,
        Err(too_few) if config.i3d().is_some() => bail!(too_few),
        Err(too_few) => {
            notes.push(format!("The report has no distance: {too_few}."));
            return Ok(None);
        }
    };
    if config.i3d().is_some() && frames < I3d::FEWEST_FRAMES {
        bail!(
            "the models' windows have {frames} frames, and I3D needs at least {}: train with \
             longer windows ([tokenizer] frames), or remove [evaluate] i3d",
            I3d::FEWEST_FRAMES,
        );
    }
    if frames < ClipEncoder::FEWEST_FRAMES {
        notes.push(format!(
            "The report has no distance: windows of {frames} frames are too short. A distance \
             needs at least {} frames.",
            ClipEncoder::FEWEST_FRAMES
        ));
        return Ok(None);
    }
    let mut encoders: Encoders = Vec::new();
    if let Some(path) = config.i3d() {
        let i3d = I3dEncoder::load(path, config.i3d_preset, device)?;
        notes.extend(i3d.warning.clone());
        encoders.push(Rc::new(i3d));
    }
    encoders.push(Rc::new(OwnEncoder::new(device)));
    Ok(Some((groups, encoders)))
}

/// The project's own clip encoder.
struct OwnEncoder {
    model: ClipEncoder,
    encoder: EncoderDescription,
}

impl OwnEncoder {
    fn new(device: Device) -> OwnEncoder {
        let model = ClipEncoder::new(&device);
        let encoder = EncoderDescription {
            name: format!("Clip distance {}", &model.hash()[..8]),
            comparable: false,
            identity: format!("genie clip encoder {}", model.hash()),
            preset: None,
            divisor: Divisor::Unbiased,
            dimension: ClipEncoder::FEATURES,
        };
        OwnEncoder { model, encoder }
    }
}

impl ClipFeatures for OwnEncoder {
    fn encoder(&self) -> &EncoderDescription {
        &self.encoder
    }

    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>> {
        Ok(self.model.features(&clips.data, clips.frames, (clips.height, clips.width))?)
    }
}

/// I3D with the user's weights.
struct I3dEncoder {
    model: I3d,
    encoder: EncoderDescription,
    warning: Option<String>,
}

impl I3dEncoder {
    fn load(path: &Utf8Path, preset: I3dPreset, device: Device) -> Result<I3dEncoder> {
        let hash = content_hash("i3d", path)?;
        let model = I3d::load(path, preset, &device)
            .context("cannot use the weights of I3D given by [evaluate] i3d")?;
        let altered = model.altered();
        let warning = altered.first().map(|first| {
            format!(
                "{path}: {} tensors differ from the I3D weights that define FVD (the first is \
                 {first}). Distances with these weights are not FVD, and no published number is \
                 comparable.",
                altered.len(),
            )
        });
        let encoder = i3d_encoder(altered.is_empty(), &hash, preset);
        Ok(I3dEncoder { model, encoder, warning })
    }
}

/// Describes I3D; its distances are called FVD only if the weights are genuine.
fn i3d_encoder(genuine: bool, weights: &str, preset: I3dPreset) -> EncoderDescription {
    let called = if genuine { "FVD" } else { "Distance on I3D with other weights" };
    EncoderDescription {
        name: match preset {
            I3dPreset::Default => called.to_owned(),
            other => format!("{called} ({other})"),
        },
        comparable: genuine,
        identity: if genuine {
            "i3d-kinetics-400/1".to_owned()
        } else {
            format!("I3D, weights {weights}")
        },
        preset: Some(preset.to_string()),
        divisor: if preset == I3dPreset::Styleganv { Divisor::Biased } else { Divisor::Unbiased },
        dimension: I3d::FEATURES,
    }
}

impl ClipFeatures for I3dEncoder {
    fn encoder(&self) -> &EncoderDescription {
        &self.encoder
    }

    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>> {
        Ok(self.model.features(&clips.data, clips.frames, (clips.height, clips.width))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::{Moments, features_of, frechet};
    use crate::testing::recordings;

    /// Catches: a distance with unknown weights is called FVD.
    #[test]
    fn only_genuine_weights_make_fvd() {
        let genuine = i3d_encoder(true, "0123", I3dPreset::Default);
        assert_eq!((genuine.name.as_str(), genuine.comparable), ("FVD", true));
        let other = i3d_encoder(false, "0123", I3dPreset::Default);
        assert!(
            !other.name.contains("FVD") && !other.comparable && other.identity.contains("0123")
        );
        let preset = i3d_encoder(true, "0123", I3dPreset::Styleganv);
        assert_eq!((preset.name.as_str(), preset.divisor), ("FVD (styleganv)", Divisor::Biased));
        let own = OwnEncoder::new(Device::Cpu);
        assert!(!own.encoder.name.contains("FVD") && !own.encoder.comparable);
    }

    /// Changes every byte of all clips; `change` gets the frame number, the clips and the position.
    fn changed(clips: &VideoBatch, change: impl Fn(usize, &VideoBatch, usize) -> u8) -> VideoBatch {
        let data = (0..clips.data.len())
            .map(|at| change(at / clips.frame_len() % clips.frames, clips, at))
            .collect();
        VideoBatch { data, ..*clips }
    }

    /// Averages a value and its `reach` neighbours to each side in its row.
    fn blurred(clips: &VideoBatch, at: usize, reach: usize) -> u8 {
        let (row, column) = (at / (clips.width * 3) * clips.width * 3, at / 3 % clips.width);
        let from = column.saturating_sub(reach);
        let to = (column + reach).min(clips.width - 1);
        let sum: usize = (from..=to).map(|x| usize::from(clips.data[row + x * 3 + at % 3])).sum();
        (sum / (to - from + 1)) as u8
    }

    /// Catches: worse clips are not further away, or the features do not change when clips stop
    /// moving.
    #[test]
    fn worse_clips_are_further_away() {
        let (_, videos) = recordings(12, 4);
        let clips = VideoBatch {
            batch: videos.len(),
            data: videos.iter().flat_map(|video| video.data.iter().copied()).collect(),
            ..videos[0]
        };
        let own = OwnEncoder::new(Device::Cpu);
        let moments = |clips: &VideoBatch| {
            let features = features_of(&own, clips).unwrap();
            Moments::of(ClipEncoder::FEATURES, features.chunks_exact(ClipEncoder::FEATURES))
        };
        let real = moments(&clips);
        let distance = |worse: &VideoBatch| frechet(&real, &moments(worse), Divisor::Unbiased);
        let noise = |at: usize, most: usize| {
            (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % (2 * most + 1)
        };
        let noisy = |most: usize| {
            changed(&clips, |_, clips, at| {
                (usize::from(clips.data[at]) + noise(at, most)).saturating_sub(most).min(255) as u8
            })
        };
        let blurry = |reach: usize| changed(&clips, |_, clips, at| blurred(clips, at, reach));
        let stopped = |from: usize| {
            changed(&clips, |t, clips, at| {
                clips.data[at - t.saturating_sub(from) * clips.frame_len()]
            })
        };
        let rising = |what: &str, worse: [VideoBatch; 3]| {
            let distances = worse.map(|worse| distance(&worse));
            assert!(distances[0] > 1e-3, "{what}: {distances:?}");
            assert!(distances.is_sorted_by(|a, b| a < b), "{what}: {distances:?}");
            distances
        };
        rising("noise", [4, 12, 30].map(noisy));
        rising("blur", [1, 2, 4].map(blurry));
        let still = rising("stopped", [10, 5, 0].map(stopped));
        let half = |which: usize| {
            let clips: Vec<&VideoBatch> =
                videos.iter().enumerate().filter(|(i, _)| i % 2 == which).map(|(_, v)| v).collect();
            let data = clips.iter().flat_map(|video| video.data.iter().copied()).collect();
            moments(&VideoBatch { batch: clips.len(), data, ..videos[0] })
        };
        let floor = frechet(&half(0), &half(1), Divisor::Unbiased);
        assert!(
            still[2] > 2.0 * floor,
            "frozen clips must be clearly further away than other clips of the same recordings: \
             {still:?}, {floor}"
        );
    }
}
