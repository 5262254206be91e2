//! The frame rates of a set of clips, and the warnings that follow from them.
//!
//! Models know only steps from one frame to the next, not seconds. So a dataset has two faults that
//! no model can repair: steps of different durations, and steps that span several true actions.

use std::collections::BTreeMap;

use super::clip::ClipMeta;

/// Largest ratio of two frame rates that count as equal.
///
/// So 24 and 25, or 29.97 and 30, are equal. 25 and 30 are not.
const SAME_RATE: f64 = 1.05;

/// Largest share of steps that may mix true actions.
///
/// A step has one true action, the one that is held longest. In a mixed step this is right for
/// about half of the step. So a tenth of mixed steps costs up to 5 points of accuracy, which is as
/// much as a typical interval of the report. Measured at 10 frames per second (2026-11-29):
/// recordings of players who hold keys have 5 to 23 %, and a player who chooses a random action for
/// every frame at 15 frames per second has 47 %.
const MANY_MIXED: f64 = 0.1;

/// The frame rates of a set of clips, in frames per second, and how often steps mix true actions.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipTiming {
    pub slowest: f64,
    /// The median, to three decimals.
    pub typical: f64,
    pub fastest: f64,
    /// `None` if no step mixes true actions, or no clip has any.
    pub mixed: Option<MixedSteps>,
}

/// How many steps of the clips with true actions span different true actions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MixedSteps {
    /// Share of all steps of these clips, from 0 to 1.
    pub share: f64,
    /// Median frame rate of the clips with such steps.
    fps: f64,
    /// Median frame rate of the sources of these.
    source_fps: f64,
}

impl ClipTiming {
    /// Computes the timing of a set of clips; `None` for an empty set.
    pub fn of<'a>(clips: impl IntoIterator<Item = &'a ClipMeta>) -> Option<Self> {
        let mut tally = TimingTally::default();
        clips.into_iter().for_each(|clip| tally.add(ClipRates::of(clip)));
        tally.timing()
    }

    /// Returns what a user must know about the rates, as sentences. Empty if nothing is wrong.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let Self { slowest, typical, fastest, .. } = *self;
        if fastest > slowest * SAME_RATE {
            warnings.push(format!(
                "The clips have different frame rates, from {} to {} frames per second. So one \
                 step of the models, and one latent action, lasts {:.0} ms in one clip and {:.0} \
                 ms in another. Set [ingest] fps to one rate for all, for example {}, and ingest \
                 again.",
                shown(slowest),
                shown(fastest),
                1000.0 / fastest,
                1000.0 / slowest,
                shown(typical),
            ));
        }
        if let Some(MixedSteps { share, fps, source_fps }) =
            self.mixed.filter(|mixed| mixed.share > MANY_MIXED)
        {
            warnings.push(format!(
                "At {} frames per second, {:.0} % of the steps of recordings with true actions \
                 span two or more different actions. The source has {} frames per second. Set \
                 [ingest] fps = {}, or fps = 0 to take every frame of every source, and ingest \
                 again.",
                shown(fps),
                100.0 * share,
                shown(source_fps),
                shown(source_fps),
            ));
        }
        warnings
    }
}

/// What a clip adds to the timing of a set.
#[derive(Clone, Copy, Debug)]
pub struct ClipRates {
    /// Number of frames.
    pub frames: usize,
    pub fps: f64,
    pub source_fps: f64,
    /// As [`ClipMeta::mixed_actions`].
    pub mixed_actions: Option<f32>,
}

impl ClipRates {
    /// The rates of a clip.
    #[must_use]
    pub fn of(clip: &ClipMeta) -> Self {
        let (fps, source_fps) = (clip.fps, clip.source_fps);
        Self { frames: clip.frame_count(), fps, source_fps, mixed_actions: clip.mixed_actions }
    }
}

/// Counts the frame rates of clips one by one, in memory that does not grow with their number.
#[derive(Debug, Clone, Default)]
pub struct TimingTally {
    rates: RateCounts,
    /// Rates of the clips with mixed steps, and of their sources.
    mixing: RateCounts,
    sources_of_mixing: RateCounts,
    /// Steps of the clips with true actions, and how many of them are mixed.
    steps: f64,
    mixed_steps: f64,
}

impl TimingTally {
    /// Adds a clip.
    pub fn add(&mut self, clip: ClipRates) {
        let ClipRates { frames, fps, source_fps, mixed_actions } = clip;
        self.rates.add(fps);
        let Some(share) = mixed_actions else { return };
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 frames")]
        let steps = frames.saturating_sub(1) as f64;
        self.steps += steps;
        self.mixed_steps += f64::from(share) * steps;
        if share > 0.0 {
            self.mixing.add(fps);
            self.sources_of_mixing.add(source_fps);
        }
    }

    /// The timing of the clips so far; `None` if there are none.
    #[must_use]
    pub fn timing(&self) -> Option<ClipTiming> {
        let (slowest, fastest) = (self.rates.first()?, self.rates.last()?);
        Some(ClipTiming { slowest, typical: self.rates.median()?, fastest, mixed: self.mixed() })
    }

    fn mixed(&self) -> Option<MixedSteps> {
        let (fps, source_fps) = (self.mixing.median()?, self.sources_of_mixing.median()?);
        let share = self.mixed_steps / self.steps;
        (self.steps > 0.0).then_some(MixedSteps { share, fps, source_fps })
    }
}

/// How often each rate occurs. The bits of positive numbers have the order of the numbers.
#[derive(Debug, Clone, Default)]
struct RateCounts(BTreeMap<u64, u64>);

impl RateCounts {
    fn add(&mut self, rate: f64) {
        *self.0.entry(rate.max(0.0).to_bits()).or_default() += 1;
    }

    fn first(&self) -> Option<f64> {
        self.0.keys().next().map(|bits| f64::from_bits(*bits))
    }

    fn last(&self) -> Option<f64> {
        self.0.keys().next_back().map(|bits| f64::from_bits(*bits))
    }

    fn median(&self) -> Option<f64> {
        let mut left = self.0.values().sum::<u64>() / 2;
        let is_median = |(_, count): &(&u64, &u64)| {
            let is_here = left < **count;
            left = left.saturating_sub(**count);
            is_here
        };
        self.0.iter().find(is_median).map(|(bits, _)| f64::from_bits(*bits))
    }
}

/// A rate with at most two decimals, for example `15` or `29.97`.
fn shown(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(fps: f64, source_fps: f64, frames: usize, mixed_actions: Option<f32>) -> ClipMeta {
        let frame_pts = vec![0; frames];
        ClipMeta { frame_pts, fps, source_fps, mixed_actions, ..ClipMeta::default() }
    }

    fn warnings(clips: &[ClipMeta]) -> Vec<String> {
        ClipTiming::of(clips).map_or_else(Vec::new, |timing| timing.warnings())
    }

    /// Catches: one clip of a few frames counts as much as a long one; clips without true actions
    /// lower the share; the advice names the sampling rate instead of the source's.
    #[test]
    fn many_mixed_steps_are_a_warning_with_the_rate_to_use() {
        let clips = [
            clip(10.0, 15.0, 161, Some(0.475)),
            clip(10.0, 15.0, 41, Some(0.475)),
            clip(10.0, 15.0, 2, Some(0.0)),
            clip(10.0, 60.0, 900, None),
            clip(10.0, 60.0, 900, None),
            clip(10.0, 60.0, 900, None),
        ];
        let [warning] = &warnings(&clips)[..] else { panic!("one warning") };
        for words in ["At 10 frames", "47 %", "has 15 frames", "fps = 15, or fps = 0"] {
            assert!(warning.contains(words), "{words}: {warning}");
        }
        let few = [clip(10.0, 15.0, 161, Some(0.05)), clip(10.0, 15.0, 9, None)];
        assert!(warnings(&few).is_empty());
        assert!(warnings(&[clip(10.0, 15.0, 1, Some(1.0))]).is_empty(), "no steps");
    }

    /// Catches: a rounded or measured rate counts as another rate; two rates give no warning; the
    /// typical rate is that of one odd clip.
    #[test]
    fn different_rates_are_a_warning() {
        let rates = |rates: &[f64]| -> Vec<ClipMeta> {
            rates.iter().map(|&fps| clip(fps, fps, 20, None)).collect()
        };
        assert!(warnings(&rates(&[30.0, 29.97, 29.167, 30.003])).is_empty());
        let clips = rates(&[60.0, 15.0, 15.0]);
        let [warning] = &warnings(&clips)[..] else { panic!("one warning") };
        for words in ["from 15 to 60", "17 ms", "67 ms", "for example 15,"] {
            assert!(warning.contains(words), "{words}: {warning}");
        }
        assert_eq!(ClipTiming::of(&clips).map(|timing| timing.typical), Some(15.0));
        assert_eq!(ClipTiming::of(&[]), None);
    }
}
