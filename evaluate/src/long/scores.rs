//! The scores of one clip.

use anyhow::{Result, ensure};
use genie_training::TrackedObject;
use serde::{Deserialize, Serialize};

use crate::long::curve::points;
use crate::long::objects::{ComparedClips, ObjectScores};
use crate::long::settings::LongSettings;
use crate::long::windows::WindowFeatures;
use crate::measure::FrameDistance;
use crate::statistics::pixels::{psnr, ssim};

/// The scores of one clip: real frames against generated ones, copies, and reconstructions.
///
/// PSNR, in dB, has an entry for every generated frame. The other scores have one for every
/// measured frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClipScores {
    #[serde(with = "exact")]
    pub psnr: Vec<f64>,
    /// A copy of the last prompt frame.
    #[serde(with = "exact")]
    pub psnr_copy_last: Vec<f64>,
    /// The mean frame of the training clips; empty without training clips.
    #[serde(with = "exact")]
    pub psnr_mean_frame: Vec<f64>,
    #[serde(with = "exact")]
    pub psnr_reconstruction: Vec<f64>,
    #[serde(with = "exact")]
    pub ssim: Vec<f64>,
    #[serde(with = "exact")]
    pub ssim_copy_last: Vec<f64>,
    #[serde(with = "exact")]
    pub ssim_reconstruction: Vec<f64>,
    /// LPIPS is empty without its weights.
    #[serde(with = "exact")]
    pub lpips: Vec<f64>,
    #[serde(with = "exact")]
    pub lpips_copy_last: Vec<f64>,
    #[serde(with = "exact")]
    pub lpips_reconstruction: Vec<f64>,
    /// One entry for each kind of objects; `None` if the prompt does not show it.
    pub objects: Vec<Option<ObjectScores>>,
    /// Features of the clip's windows, one entry for each marked frame at which one ends.
    pub windows: Vec<WindowFeatures>,
}

/// Numbers as JSON without rounding: as the integers of their bits.
pub(super) mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| value.to_bits()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let bits = Vec::<u64>::deserialize(deserializer)?;
        Ok(bits.into_iter().map(f64::from_bits).collect())
    }
}

impl ComparedClips<'_> {
    /// Computes the scores of clip `b`, of the video `name`, without features of windows.
    ///
    /// # Errors
    /// Fails if LPIPS fails, or gives a number that is negative or not finite.
    pub fn scores(
        &self,
        (b, name): (usize, &str),
        settings: &LongSettings,
        mean_frame: Option<&[u8]>,
        frame_distance: Option<&dyn FrameDistance>,
    ) -> Result<ClipScores> {
        let ComparedClips { real, reconstructed, generated } = *self;
        let (prompt, frames) = (settings.prompt_frames, real.frames);
        let copied = real.frame(b, prompt - 1);
        let by_psnr = |other: &dyn Fn(usize) -> Vec<u8>| -> Vec<f64> {
            (prompt..frames).map(|t| psnr(real.frame(b, t), &other(t))).collect()
        };
        let by_ssim = |other: &dyn Fn(usize) -> Vec<u8>| -> Vec<f64> {
            points(prompt, frames)
                .map(|t| ssim(real.frame(b, t), &other(t), real.height, real.width))
                .collect()
        };
        let generated_frame = |t| generated.frame(b, t).to_vec();
        let reconstructed_frame = |t| reconstructed.frame(b, t).to_vec();
        let copy = |_| copied.to_vec();
        let measured: Vec<usize> = points(prompt, frames).collect();
        let object = |object: &TrackedObject| {
            object.is_in(name).then(|| self.objects(b, prompt, &measured, object)).flatten()
        };
        let mut scores = ClipScores {
            psnr: by_psnr(&generated_frame),
            psnr_copy_last: by_psnr(&copy),
            psnr_mean_frame: mean_frame.map_or_else(Vec::new, |frame| by_psnr(&|_| frame.to_vec())),
            psnr_reconstruction: by_psnr(&reconstructed_frame),
            ssim: by_ssim(&generated_frame),
            ssim_copy_last: by_ssim(&copy),
            ssim_reconstruction: by_ssim(&reconstructed_frame),
            objects: settings.objects.iter().map(object).collect(),
            ..ClipScores::default()
        };
        if let Some(distance) = frame_distance {
            self.add_lpips(b, prompt, distance, &mut scores)?;
        }
        Ok(scores)
    }

    fn add_lpips(
        &self,
        b: usize,
        prompt: usize,
        distance: &dyn FrameDistance,
        scores: &mut ClipScores,
    ) -> Result<()> {
        let ComparedClips { real, reconstructed, generated } = *self;
        let size = (real.height, real.width);
        for t in points(prompt, real.frames) {
            // Four frames at a time, so that memory does not grow with the clip's length.
            let frames = [
                real.frame(b, t),
                generated.frame(b, t),
                real.frame(b, prompt - 1),
                reconstructed.frame(b, t),
            ]
            .concat();
            let found = distance.distances(&frames, size, &[(0, 1), (0, 2), (0, 3)])?;
            ensure!(
                found.len() == 3 && found.iter().all(|value| value.is_finite() && *value >= 0.0),
                "a distance between frames is negative or not finite: the file of its weights is \
                 damaged, or mixes tensors of several networks"
            );
            scores.lpips.push(found[0]);
            scores.lpips_copy_last.push(found[1]);
            scores.lpips_reconstruction.push(found[2]);
        }
        Ok(())
    }
}
