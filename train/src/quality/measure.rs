//! How well qualities tell good clips from bad ones.
//!
//! Intervals are of 95 %, by resampling whole sources: clips of one source are alike.

#![allow(clippy::cast_precision_loss, reason = "people do not label 2^52 clips")]

use genie_training::bootstrap::{Bootstrap, Interval, numbered};
use serde::{Deserialize, Serialize};

/// Number of resamples.
const DRAWS: usize = 1000;
/// Number of thresholds, and number of bins of the calibration curve.
const THRESHOLDS: u8 = 9;
const BINS: u8 = 5;

/// The quality of a held-out clip, and what people say.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldOutClip {
    pub source_id: String,
    pub quality: f64,
    pub good: bool,
}

/// A number with its interval; `None` where it is not defined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredValue {
    pub value: Option<f64>,
    pub ci95: Option<Interval>,
}

/// What keeping the clips above a threshold would mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRow {
    /// Clips with at least this quality are kept.
    pub quality: f64,
    /// Number of kept clips.
    pub clips: usize,
    /// Share of the kept clips that are good.
    pub precision: MeasuredValue,
    /// Share of the good clips that are kept.
    pub recall: MeasuredValue,
}

/// A point of the calibration curve: clips with about the same quality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationRow {
    pub from: f64,
    pub to: f64,
    pub clips: usize,
    pub mean_quality: Option<f64>,
    /// Share of the clips that are good; equal to the mean quality if the network is calibrated.
    pub good: MeasuredValue,
}

/// The measurement of a network on held-out clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discrimination {
    /// Probability that a good clip has a higher quality than a bad one.
    pub auc: MeasuredValue,
    pub thresholds: Vec<ThresholdRow>,
    pub calibration: Vec<CalibrationRow>,
}

/// Held-out clips in the order of their qualities, and the resamples of their sources.
struct Resampled<'a> {
    clips: Vec<&'a HeldOutClip>,
    /// The number of each clip's source.
    groups: Vec<usize>,
    bootstrap: Bootstrap,
}

impl Discrimination {
    /// Measures qualities.
    pub fn of(clips: &[HeldOutClip]) -> Self {
        let mut sorted: Vec<&HeldOutClip> = clips.iter().collect();
        sorted.sort_by(|one, other| one.quality.total_cmp(&other.quality));
        let (count, groups) = numbered(sorted.iter().map(|clip| clip.source_id.as_str()));
        let bootstrap = Bootstrap::new(count, DRAWS, 0);
        let resampled = Resampled { clips: sorted, groups, bootstrap };
        let bounds = |step: u8, of: u8| f64::from(step) / f64::from(of);
        Self {
            auc: resampled.measure(|weight| resampled.auc(weight)),
            thresholds: (1..=THRESHOLDS)
                .map(|step| resampled.threshold(bounds(step, THRESHOLDS + 1)))
                .collect(),
            calibration: (0..BINS)
                .map(|bin| resampled.bin(bounds(bin, BINS), bounds(bin + 1, BINS)))
                .collect(),
        }
    }
}

impl Resampled<'_> {
    /// A statistic of weighted clips, with its interval. A weight is a number of draws.
    fn measure(&self, statistic: impl Fn(&dyn Fn(usize) -> f64) -> f64) -> MeasuredValue {
        let value = statistic(&|_| 1.0);
        let of_draw = |draw: &[u32]| statistic(&|clip: usize| f64::from(draw[self.groups[clip]]));
        let ci95 = self.bootstrap.interval(value, of_draw);
        let ci95 = ci95.map(|bounds| bounds.map(|bound| bound.clamp(0.0, 1.0)));
        MeasuredValue { value: value.is_finite().then_some(value), ci95 }
    }

    /// The area under the curve of true and false positives. Equal qualities count as half.
    fn auc(&self, weight: &dyn Fn(usize) -> f64) -> f64 {
        let (mut area, mut good_sum, mut bad_below, mut first) = (0.0, 0.0, 0.0, 0);
        for ties in self.clips.chunk_by(|one, other| one.quality.total_cmp(&other.quality).is_eq())
        {
            let (mut good, mut bad) = (0.0, 0.0);
            for (place, clip) in (first..).zip(ties) {
                *(if clip.good { &mut good } else { &mut bad }) += weight(place);
            }
            area += good * (bad_below + bad / 2.0);
            good_sum += good;
            bad_below += bad;
            first += ties.len();
        }
        area / (good_sum * bad_below)
    }

    /// The share of the clips with `is_of` for which `is_counted` is true.
    fn share(
        &self,
        is_of: impl Fn(&HeldOutClip) -> bool,
        is_counted: impl Fn(&HeldOutClip) -> bool,
    ) -> MeasuredValue {
        self.measure(|weight| {
            let (mut counted, mut all) = (0.0, 0.0);
            for (place, clip) in self.clips.iter().enumerate().filter(|(_, clip)| is_of(clip)) {
                all += weight(place);
                counted += if is_counted(clip) { weight(place) } else { 0.0 };
            }
            counted / all
        })
    }

    fn threshold(&self, quality: f64) -> ThresholdRow {
        let is_kept = |clip: &HeldOutClip| clip.quality >= quality;
        ThresholdRow {
            quality,
            clips: self.clips.iter().filter(|clip| is_kept(clip)).count(),
            precision: self.share(is_kept, |clip| clip.good),
            recall: self.share(|clip| clip.good, is_kept),
        }
    }

    fn bin(&self, from: f64, to: f64) -> CalibrationRow {
        let is_in = |clip: &HeldOutClip| clip.quality >= from && (clip.quality < to || to >= 1.0);
        let inside: Vec<f64> =
            self.clips.iter().filter(|clip| is_in(clip)).map(|clip| clip.quality).collect();
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        CalibrationRow {
            from,
            to,
            clips: inside.len(),
            mean_quality: mean.is_finite().then_some(mean),
            good: self.share(is_in, |clip| clip.good),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clips(qualities: &[(f64, bool)]) -> Vec<HeldOutClip> {
        let clip = |(number, &(quality, good)): (usize, &(f64, bool))| HeldOutClip {
            source_id: format!("{}", number % 5),
            quality,
            good,
        };
        qualities.iter().enumerate().map(clip).collect()
    }

    /// Catches: the area is that of the wrong class; equal qualities count as wins.
    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        let auc = |qualities: &[(f64, bool)]| Discrimination::of(&clips(qualities)).auc.value;
        assert_eq!(auc(&[(0.1, false), (0.2, false), (0.8, true)]), Some(1.0));
        assert_eq!(auc(&[(0.9, false), (0.2, true)]), Some(0.0));
        assert_eq!(auc(&[(0.5, false), (0.5, true)]), Some(0.5));
        // Of four pairs, three are in the right order.
        assert_eq!(auc(&[(0.1, false), (0.3, true), (0.4, false), (0.7, true)]), Some(0.75));
        assert_eq!(auc(&[(0.1, true), (0.3, true)]), None, "there is no bad clip");
    }

    /// Catches: precision and recall are exchanged; a threshold drops clips with its own quality; a
    /// quality of 1 is in no bin.
    #[test]
    fn thresholds_and_bins_are_counted_by_hand() {
        let found = Discrimination::of(&clips(&[
            (0.5, true),
            (0.6, false),
            (1.0, true),
            (0.3, true),
            (0.0, false),
        ]));
        let row = &found.thresholds[4];
        assert_eq!((row.quality, row.clips), (0.5, 3));
        assert_eq!((row.precision.value, row.recall.value), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        let counts: Vec<usize> = found.calibration.iter().map(|bin| bin.clips).collect();
        assert_eq!(counts, [1, 1, 1, 1, 1]);
        assert_eq!(found.calibration[4].good.value, Some(1.0));
        assert_eq!(found.calibration[3].mean_quality, Some(0.6));
    }

    /// Catches: intervals do not contain the value, or are as narrow as if clips of one source were
    /// independent of each other.
    #[test]
    fn intervals_are_those_of_sources() {
        let few: Vec<(f64, bool)> =
            (0..40).map(|n| (f64::from(n * 37 % 41) / 41.0, n % 3 == 0 || n > 30)).collect();
        let few = clips(&few);
        let many: Vec<HeldOutClip> = (0..20).flat_map(|_| few.clone()).collect();
        let (few, many) = (Discrimination::of(&few).auc, Discrimination::of(&many).auc);
        let width = |one: MeasuredValue| one.ci95.map(|[low, high]| high - low).unwrap();
        let (value, [low, high]) = (few.value.unwrap(), few.ci95.unwrap());
        assert!(low < value && value < high, "{few:?}");
        assert!((width(few) - width(many)).abs() < 0.02, "{few:?} {many:?}");
    }
}
