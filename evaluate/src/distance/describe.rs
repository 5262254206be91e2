//! From the features of real and generated clips to the report's numbers of one distance.

use crate::distance::encoder::EncoderDescription;
use crate::distance::features::Features;
use crate::distance::frechet::frechet;
use crate::distance::kernel::KernelSums;
use crate::distance::moments::Moments;
use crate::distance::real::RealFeatures;
use crate::distance::resample::{MIN_CLIPS, MIN_GROUPS, Resampler};
use crate::held_out::HeldOutWindow;
use crate::report::schema::Distance;
use crate::statistics::bootstrap::numbered;

/// Groups of windows that stay together in every resample.
#[derive(Debug, PartialEq)]
pub struct Groups {
    /// `source`, `clip` or `window`: the largest unit with enough groups.
    pub unit: &'static str,
    pub count: usize,
    /// The group of each window.
    pub group: Vec<usize>,
}

impl Groups {
    /// Groups windows by the largest unit that has enough groups.
    ///
    /// # Errors
    /// Fails if there are too few windows for a distance.
    pub fn of(windows: &[HeldOutWindow]) -> Result<Groups, String> {
        if windows.len() < MIN_CLIPS {
            return Err(format!(
                "{} held-out windows are too few for a distance between real and generated clips. \
                 It needs at least {MIN_CLIPS}, and several hundred for a meaningful value (raise \
                 [evaluate] windows, or hold out more recordings)",
                windows.len()
            ));
        }
        let (count, group) = numbered(windows.iter().map(|window| &window.source));
        if count >= MIN_GROUPS {
            return Ok(Groups { unit: "source", count, group });
        }
        let (count, group) = numbered(windows.iter().map(|window| &window.clip_id));
        if count >= MIN_GROUPS {
            return Ok(Groups { unit: "clip", count, group });
        }
        Ok(Groups { unit: "window", count: windows.len(), group: (0..windows.len()).collect() })
    }
}

/// Number of bootstrap draws, and the seed.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    pub bootstrap: usize,
    pub seed: u64,
}

/// Computes all numbers of one distance.
#[must_use]
pub fn describe(
    encoder: &EncoderDescription,
    real: &RealFeatures,
    generated: &Features,
    groups: &Groups,
    draws: Draws,
) -> Distance {
    let clips = Resampler {
        real: &real.real,
        generated,
        group: &groups.group,
        divisor: encoder.divisor,
        seed: draws.seed,
    };
    let halves = clips.halves();
    let kernel = KernelSums::new(&real.real, generated, &groups.group);
    let probed = real.frozen.len();
    let first = Moments::of(encoder.dimension, real.real.rows().take(probed));
    let probe = |changed: &Features| {
        frechet(&first, &Moments::of(encoder.dimension, changed.rows()), encoder.divisor)
    };
    Distance {
        name: encoder.name.clone(),
        comparable_with_fvd: encoder.comparable,
        encoder: encoder.identity.clone(),
        preset: encoder.preset.clone(),
        dimension: encoder.dimension,
        real_clips: real.real.len(),
        generated_clips: generated.len(),
        unit: groups.unit.to_owned(),
        groups: groups.count,
        frechet: clips.distance(),
        frechet_ci95: clips.interval(),
        frechet_infinity: clips.extrapolated(),
        half_clips: halves.clips,
        half_floor: halves.real,
        half_generated: halves.generated,
        kernel: kernel.distance(),
        kernel_ci95: kernel.interval(draws.bootstrap, draws.seed),
        probe_clips: probed,
        probe_frozen: probe(&real.frozen),
        probe_shuffled: probe(&real.shuffled),
    }
}

/// Returns the warnings that a reader needs before trusting the distance.
#[must_use]
pub fn warnings(distance: &Distance) -> Vec<String> {
    let mut warnings = Vec::new();
    let &Distance { ref name, dimension, real_clips, .. } = distance;
    if real_clips <= dimension {
        warnings.push(format!(
            "{name} has {real_clips} clips a side, not more than its {dimension} dimensions. \
             Compare it only with values of the same number of clips."
        ));
    }
    if distance.unit != "source" {
        warnings.push(format!(
            "{name} is resampled by {}, because too few recordings are held out. Its interval and \
             its floor say nothing about other recordings.",
            distance.unit
        ));
    }
    if real_clips > dimension && distance.probe_frozen <= distance.half_floor {
        warnings.push(format!(
            "{name} hardly sees motion in these clips: frozen clips are no further from real clips \
             than two halves of the real clips are from each other."
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::moments::Divisor;
    use crate::distance::simulated::simulated;
    use crate::testing::recordings;

    /// Catches: halves of one recording are compared as if they were independent, although there
    /// are other recordings; clips that cannot be halved cause a panic or give a number.
    #[test]
    fn windows_are_grouped_by_the_largest_unit_there_is_enough_of() {
        let (windows, _) = recordings(5, 2);
        let groups = Groups::of(&windows).unwrap();
        assert_eq!((groups.unit, groups.count), ("source", 5));
        assert_eq!(groups.group, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        let unit = |sources, each| {
            Groups::of(&recordings(sources, each).0).map(|groups| (groups.unit, groups.count))
        };
        assert_eq!(unit(2, 8), Ok(("clip", 4)), "four windows for each clip");
        assert_eq!(unit(1, 8), Ok(("window", 8)));
        assert!(unit(1, 3).unwrap_err().contains("at least 4"));
    }

    /// Catches: numbers have the wrong name; probes are compared with all clips instead of their
    /// own.
    #[test]
    fn numbers_are_what_they_are_called() {
        let (windows, _) = recordings(12, 4);
        let groups = Groups::of(&windows).unwrap();
        let real = simulated(0, 48, 6, 0.0);
        let first = Features::new(6, real.data()[..20 * 6].to_vec());
        let sets = RealFeatures { frozen: simulated(5, 20, 6, 3.0), shuffled: first, real };
        let encoder = EncoderDescription {
            name: "test".into(),
            comparable: false,
            identity: "numbers".into(),
            preset: None,
            divisor: Divisor::Unbiased,
            dimension: 6,
        };
        let generated = simulated(1, 48, 6, 1.0);
        let found =
            describe(&encoder, &sets, &generated, &groups, Draws { bootstrap: 100, seed: 0 });
        assert_eq!(
            (found.real_clips, found.generated_clips, found.probe_clips, found.groups),
            (48, 48, 20, 12)
        );
        assert!(found.probe_shuffled < 1e-9, "the same clips: {}", found.probe_shuffled);
        assert!(
            (found.probe_frozen / 54.0 - 1.0).abs() < 0.1,
            "six means at a distance of 3: {}",
            found.probe_frozen
        );
        assert!(
            (found.frechet / 6.0 - 1.0).abs() < 0.2
                && found.half_floor < 1.0
                && found.half_generated > 4.0,
            "{found:?}"
        );
        assert!(found.kernel_ci95.unwrap()[0] > 0.0);
        let warned = warnings(&Distance { probe_frozen: 0.1, ..found.clone() });
        assert!(warned.len() == 1 && warned[0].contains("hardly sees motion"), "{warned:?}");
        assert!(warnings(&found).is_empty());
    }
}
