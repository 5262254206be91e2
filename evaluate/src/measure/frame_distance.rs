//! The perceptual distance between frames (LPIPS): which frames of a window are compared.
//!
//! The comparisons are those of PSNR and SSIM. The reconstruction and the rollout are compared with
//! the real frames. The baselines are a copy of the first frame and a copy of the last prompt
//! frame; any model must beat them.

use anyhow::{Result, ensure};
use genie_shards::WindowScores;

use crate::world::VideoBatch;

/// Positions of two frames to compare.
pub type Pair = (usize, usize);

/// A distance between frames of equal size: 0 for equal frames, larger for more different ones.
pub trait FrameDistance {
    /// Returns the distance of each pair among `frames` `[n, height, width, 3]`.
    ///
    /// `size` is height and width.
    ///
    /// # Errors
    /// Fails if the frames do not fit the distance.
    fn distances(&self, frames: &[u8], size: (usize, usize), pairs: &[Pair]) -> Result<Vec<f64>>;
}

/// The same windows three times: real, reconstructed from tokens, and continued from the prompt.
#[derive(Debug, Clone, Copy)]
pub struct ComparedWindows<'a> {
    pub real: &'a VideoBatch,
    pub reconstructed: &'a VideoBatch,
    pub inferred: &'a VideoBatch,
}

impl ComparedWindows<'_> {
    /// Fills the LPIPS lists of window `b`, whose first `prompt` frames are the prompt.
    ///
    /// # Errors
    /// Fails if the distance fails, or if it returns a number that is negative or not finite.
    pub fn score(
        &self,
        b: usize,
        prompt: usize,
        distance: &dyn FrameDistance,
        scores: &mut WindowScores,
    ) -> Result<()> {
        let ComparedWindows { real, reconstructed, inferred } = self;
        let (count, generated) = (real.frames, prompt..real.frames);
        // Each frame goes through the network once.
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
            "a distance between frames is negative or not finite: the file of its weights is \
             damaged, or mixes tensors of several networks"
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

    /// Two clips of grey frames of 2 × 1 pixels.
    fn greys(level: impl Fn(usize, usize) -> u8) -> VideoBatch {
        let data = (0..2)
            .flat_map(|b| (0..5).map(move |t| (b, t)))
            .flat_map(|(b, t)| [level(b, t); 6])
            .collect();
        VideoBatch { batch: 2, frames: 5, height: 1, width: 2, data }
    }

    /// Catches: frames are compared with those of another time, window or arm; lists of rollouts
    /// begin at another frame.
    #[test]
    fn each_frame_is_compared_with_its_own_counterpart() {
        let level = |b: usize, t: usize| (100 * b + 10 * t) as u8;
        let (real, reconstructed) = (greys(level), greys(|b, t| level(b, t) + 1));
        // The prompt frames of a rollout must not be compared, so they are white here.
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

    /// Catches: a distance is negative or not finite and enters a mean.
    #[test]
    fn an_invalid_distance_is_an_error() {
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
