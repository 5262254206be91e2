//! Means over windows, with intervals.

use genie_shards::WindowScores;

use crate::held_out::HeldOutWindow;
use crate::measure::Measurement;
use crate::report::schema::{Point, TokenizerQuality};
use crate::statistics::bootstrap::{Bootstrap, GroupedMean, numbered};
use crate::statistics::information::{perplexity, used};

/// Groups of windows that stay together in every resample.
pub struct Grouping {
    pub unit: &'static str,
    pub count: usize,
    pub group: Vec<usize>,
}

impl Grouping {
    pub fn of(windows: &[HeldOutWindow]) -> Grouping {
        let (count, group) = numbered(windows.iter().map(|w| &w.source));
        if count > 1 {
            return Grouping { unit: "source", count, group };
        }
        let (count, group) = numbered(windows.iter().map(|w| &w.clip_id));
        Grouping { unit: "clip", count, group }
    }
}

pub struct Averages<'a> {
    pub found: &'a Measurement,
    pub grouping: &'a Grouping,
    pub bootstrap: &'a Bootstrap,
}

impl Averages<'_> {
    fn mean(&self, value: impl Fn(&WindowScores) -> f64) -> GroupedMean {
        let values = self
            .found
            .scores
            .iter()
            .zip(&self.grouping.group)
            .map(|(scores, &group)| (group, value(scores)));
        GroupedMean::new(self.grouping.count, values)
    }

    /// Returns the mean at every generated frame; `value` gets the position among these frames.
    pub fn curve(&self, prompt: usize, value: impl Fn(&WindowScores, usize) -> f64) -> Vec<Point> {
        (prompt..self.found.frames)
            .map(|t| {
                let mean = self.mean(|scores| value(scores, t - prompt));
                Point { t, mean: mean.mean(), ci95: mean.interval(self.bootstrap) }
            })
            .collect()
    }

    /// Like [`Self::curve`], for a list that windows may lack; empty if any window lacks it.
    pub fn curve_if_any(
        &self,
        prompt: usize,
        list: impl Fn(&WindowScores) -> &[f64],
    ) -> Vec<Point> {
        let none = self.found.scores.iter().any(|scores| list(scores).is_empty());
        if none { Vec::new() } else { self.curve(prompt, |scores, i| list(scores)[i]) }
    }

    pub fn tokenizer(&self) -> TokenizerQuality {
        // Frame 0 is not included, because the baseline copies it.
        let over_frames = |list: &[f64]| list[1..].iter().sum::<f64>() / (list.len() - 1) as f64;
        let psnr = self.mean(|s| over_frames(&s.reconstruction_psnr));
        let psnr_baseline = self.mean(|s| over_frames(&s.copy_first_psnr));
        let gain =
            self.mean(|s| over_frames(&s.reconstruction_psnr) - over_frames(&s.copy_first_psnr));
        let ssim = self.mean(|s| over_frames(&s.reconstruction_ssim));
        let ssim_baseline = self.mean(|s| over_frames(&s.copy_first_ssim));
        let measured = self.found.scores.iter().all(|s| !s.reconstruction_lpips.is_empty());
        let lpips = measured.then(|| self.mean(|s| over_frames(&s.reconstruction_lpips)));
        let lpips_baseline = measured.then(|| self.mean(|s| over_frames(&s.copy_first_lpips)));
        let counts = &self.found.token_counts;
        TokenizerQuality {
            psnr_db: psnr.mean(),
            psnr_db_ci95: psnr.interval(self.bootstrap),
            psnr_baseline_db: psnr_baseline.mean(),
            psnr_baseline_db_ci95: psnr_baseline.interval(self.bootstrap),
            psnr_gain_db: gain.mean(),
            psnr_gain_db_ci95: gain.interval(self.bootstrap),
            ssim: ssim.mean(),
            ssim_ci95: ssim.interval(self.bootstrap),
            ssim_baseline: ssim_baseline.mean(),
            ssim_baseline_ci95: ssim_baseline.interval(self.bootstrap),
            lpips: lpips.as_ref().map(GroupedMean::mean),
            lpips_ci95: lpips.and_then(|mean| mean.interval(self.bootstrap)),
            lpips_baseline: lpips_baseline.as_ref().map(GroupedMean::mean),
            lpips_baseline_ci95: lpips_baseline.and_then(|mean| mean.interval(self.bootstrap)),
            codebook_size: counts.len(),
            codes_used: used(counts),
            perplexity: perplexity(counts),
        }
    }
}
