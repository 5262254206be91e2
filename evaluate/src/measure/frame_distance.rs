//! How different frames look, by a distance that is not computed here: which frames of a window are compared.
//!
//! The same comparisons as by PSNR and SSIM: the reconstruction and the rollout against the real frames, and standing still at the first
//! frame and at the last given one, which any model has to beat.

use anyhow::{Result, ensure};
use genie_shards::WindowScores;

use crate::world::VideoBatch;

/// Positions of two frames that are compared.
pub type Pair = (usize, usize);

/// A distance between frames of the same size: 0 of equal ones, and larger the more different they look.
pub trait FrameDistance {
    /// Of each pair among `frames` `[n, h, w, 3]`; `size` is (height, width).
    ///
    /// # Errors
    /// When the frames do not fit.
    fn distances(&self, frames: &[u8], size: (usize, usize), pairs: &[Pair]) -> Result<Vec<f64>>;
}

/// What is compared: the same windows, as they were, from tokens, and continued from their prompts.
#[derive(Debug, Clone, Copy)]
pub struct ComparedWindows<'a> {
    pub real: &'a VideoBatch,
    pub reconstructed: &'a VideoBatch,
    pub inferred: &'a VideoBatch,
}

impl ComparedWindows<'_> {
    /// Fills the lists of window `b`, whose first `prompt` frames were given.
    ///
    /// # Errors
    /// The distance's own, or when it returns what is none.
    pub fn score(
        &self,
        b: usize,
        prompt: usize,
        distance: &dyn FrameDistance,
        scores: &mut WindowScores,
    ) -> Result<()> {
        let ComparedWindows { real, reconstructed, inferred } = self;
        let (count, generated) = (real.frames, prompt..real.frames);
        // Each frame once: the real ones, the reconstructed ones, and the generated ones.
        let frames =
            [real.clip(b), reconstructed.clip(b), &inferred.clip(b)[prompt * real.frame_len()..]]
                .concat();
        let lists: [(&mut Vec<f64>, Vec<Pair>); 4] = [
            (&mut scores.reconstruction_lpips, (0..count).map(|t| (t, count + t)).collect()),
            (&mut scores.copy_first_lpips, (0..count).map(|t| (t, 0)).collect()),
            (&mut scores.copy_last_lpips, generated.clone().map(|t| (t, prompt - 1)).collect()),
            (&mut scores.inferred_lpips, generated.map(|t| (t, 2 * count + t - prompt)).collect()),
        ];
        let pairs: Vec<_> = lists.iter().flat_map(|(_, pairs)| pairs).copied().collect();
        let found = distance.distances(&frames, (real.height, real.width), &pairs)?;
        ensure!(
            found.len() == pairs.len()
                && found.iter().all(|distance| distance.is_finite() && *distance >= 0.0),
            "a distance between frames is no finite number from 0 on: the weights of its network do not belong together"
        );
        let mut found = found.into_iter();
        for (list, pairs) in lists {
            *list = found.by_ref().take(pairs.len()).collect();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MeanDifference;

    /// Grey frames of 2 × 1 pixels, two clips.
    fn greys(level: impl Fn(usize, usize) -> u8) -> VideoBatch {
        let data = (0..2)
            .flat_map(|b| (0..5).map(move |t| (b, t)))
            .flat_map(|(b, t)| [level(b, t); 6])
            .collect();
        VideoBatch { batch: 2, frames: 5, height: 1, width: 2, data }
    }

    /// Catches: frames compared with those of another time, window or arm; lists of rollouts that begin at another frame.
    #[test]
    fn each_frame_is_compared_with_its_own_counterpart() {
        let level = |b: usize, t: usize| (100 * b + 10 * t) as u8;
        let (real, reconstructed) = (greys(level), greys(|b, t| level(b, t) + 1));
        // What was given comes back as reconstructed, and must not be looked at.
        let inferred = greys(|b, t| if t < 2 { 255 } else { level(b, t) + t as u8 });
        let mut scores = WindowScores::default();
        let compared =
            ComparedWindows { real: &real, reconstructed: &reconstructed, inferred: &inferred };
        compared.score(1, 2, &MeanDifference, &mut scores).unwrap();
        assert_eq!(scores.reconstruction_lpips, [1.0; 5]);
        assert_eq!(scores.copy_first_lpips, [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(scores.copy_last_lpips, [10.0, 20.0, 30.0]);
        assert_eq!(scores.inferred_lpips, [2.0, 3.0, 4.0]);
    }

    /// Catches: a number that is none and goes into means.
    #[test]
    fn what_is_no_distance_is_refused() {
        struct Broken(f64);
        impl FrameDistance for Broken {
            fn distances(&self, _: &[u8], _: (usize, usize), pairs: &[Pair]) -> Result<Vec<f64>> {
                Ok(vec![self.0; pairs.len()])
            }
        }
        let video = greys(|_, _| 0);
        let compared = ComparedWindows { real: &video, reconstructed: &video, inferred: &video };
        for value in [f64::NAN, f64::INFINITY, -0.5] {
            assert!(
                compared.score(0, 1, &Broken(value), &mut WindowScores::default()).is_err(),
                "{value}"
            );
        }
    }
}
