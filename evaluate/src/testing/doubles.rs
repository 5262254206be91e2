//! Stand-ins for encoders, distances and observers.

use std::cell::Cell;

use anyhow::Result;

use crate::distance::{ClipFeatures, Divisor, EncoderDescription};
use crate::measure::{FrameDistance, MeasurementObserver, Pair, Settings};
use crate::report::schema::{
    Ceiling, CeilingShare, Distance, KeyReading, KeyReadingAtLag, KeyReadings, LongDistance,
    LongRollouts, ObjectPresence, Point, Reached, Rollout, ThereAndBack, Way, WindowDistance,
};
use crate::testing::toy_world::FRAMES;
use crate::world::VideoBatch;

/// Settings of most tests.
pub const SETTINGS: Settings = Settings {
    prompt_frames: 1,
    samples: 2,
    batch: 5,
    seed: 0,
    scenes: 2,
    held: 1,
    starts: 12,
    true_actions: false,
};

/// A distance of a report: its floor is 2, and frozen clips are at 20.
pub fn distance() -> Distance {
    Distance {
        name: "Clip distance 01234567".into(),
        comparable_with_fvd: false,
        encoder: "genie clip encoder 0123456789abcdef".into(),
        preset: None,
        dimension: 32,
        real_clips: 48,
        generated_clips: 48,
        unit: "source".into(),
        groups: 12,
        frechet: 8.0,
        frechet_ci95: Some([6.0, 10.0]),
        frechet_infinity: None,
        half_clips: 24.0,
        half_floor: 2.0,
        half_generated: 9.0,
        kernel: -0.01,
        kernel_ci95: Some([-0.2, 0.3]),
        probe_clips: 48,
        probe_frozen: 20.0,
        probe_shuffled: 15.0,
    }
}

/// Long rollouts of four clips of 50 frames in which the player stays in half of the worlds.
pub fn long_rollouts() -> LongRollouts {
    let curve = |first: f64, last: f64| -> Vec<Point> {
        let ci95 = Some([last - 0.1, last + 0.1]);
        vec![Point { t: 1, mean: first, ci95 }, Point { t: 49, mean: last, ci95 }]
    };
    LongRollouts {
        clips: 4,
        clips_asked: 16,
        frames: 50,
        reached: vec![Reached { t: 1, clips: 4 }, Reached { t: 49, clips: 4 }],
        rollout: Rollout {
            psnr_db: curve(30.0, 20.0),
            psnr_copy_last_db: curve(25.0, 19.0),
            psnr_mean_frame_db: curve(12.0, 12.0),
            psnr_reconstruction_db: curve(38.0, 38.0),
            ssim: curve(0.9, 0.6),
            ssim_copy_last: curve(0.8, 0.5),
            ssim_reconstruction: curve(0.97, 0.97),
            lpips: Vec::new(),
            lpips_copy_last: Vec::new(),
            lpips_reconstruction: Vec::new(),
        },
        gain_over_copy_db: curve(5.0, 1.0),
        half_life: Some(42),
        half_life_at_least: Some(42),
        distances: vec![LongDistance {
            name: "Clip distance 01234567".into(),
            comparable_with_fvd: false,
            encoder: "genie clip encoder 0123456789abcdef".into(),
            preset: None,
            windows: vec![WindowDistance {
                t: 49,
                real_clips: 4,
                frechet: 8.0,
                frechet_ci95: None,
                half_clips: 2.0,
                half_floor: 2.0,
                half_generated: 9.0,
                kernel: 0.1,
                kernel_ci95: None,
            }],
            over_floor: vec![Point { t: 49, mean: 4.5, ci95: None }],
        }],
        there_and_back: ThereAndBack {
            ways: vec![Way {
                there: 0,
                back: 3,
                frames: 8,
                starts: 4,
                psnr_there_db: 20.0,
                psnr_back_db: 26.0,
                gain_db: 6.0,
                gain_db_ci95: Some([4.0, 8.0]),
            }],
            gain_db: Some(6.0),
            gain_db_ci95: Some([4.0, 8.0]),
        },
        objects: vec![ObjectPresence {
            name: "<player>".into(),
            clips: 4,
            recorded: curve(1.0, 1.0),
            reconstructed: curve(1.0, 1.0),
            as_many: curve(1.0, 0.4),
            none: curve(0.0, 0.4),
            near: curve(1.0, 0.25),
            held_starts: 2,
            held: curve(1.0, 0.75),
            held_by_action: vec![curve(1.0, 1.0), curve(1.0, 0.5)],
        }],
    }
}

/// A ceiling: the latent actions have half of the narrow network's information.
pub fn ceiling() -> Ceiling {
    let at = |lag: usize, nmi: f64| KeyReadingAtLag {
        lag,
        nmi,
        nmi_ci95: Some([nmi - 0.05, nmi + 0.05]),
        nmi_shuffled: 0.01,
        information_nats: nmi,
        information_nats_ci95: Some([nmi - 0.05, nmi + 0.05]),
        accuracy: 0.4 + nmi,
        accuracy_ci95: None,
        entropy_nats: 1.1,
        accuracy_baseline: 0.4,
    };
    let reading = |frames_before, frames_after, nmi| KeyReading {
        frames_before,
        frames_after,
        chosen: at(1, nmi),
        lags: vec![at(0, nmi / 2.0), at(1, nmi), at(2, nmi / 4.0)],
    };
    let share = |share| CeilingShare {
        nmi_share: Some(share),
        nmi_share_ci95: Some([share - 0.1, share + 0.1]),
        information_share: Some(share),
        information_share_ci95: Some([share - 0.1, share + 0.1]),
        accuracy_share: None,
        accuracy_share_ci95: None,
    };
    Ceiling {
        windows: 48,
        pairs: 576,
        training_pairs: 6144,
        labelled_frames: 20_000,
        training_steps: 600,
        keys: KeyReadings {
            names: vec!["stand".into(), "left".into(), "right".into(), "jump".into()],
            latent: reading(0, 1, 0.1),
            narrow: reading(0, 1, 0.2),
            ahead: Some(reading(0, 2, 0.3)),
            wide: reading(2, 2, 0.4),
            of_narrow: share(0.5),
            of_ahead: Some(share(0.33)),
            of_wide: share(0.25),
        },
        directions: None,
    }
}

/// An encoder whose features depend on a clip's last frame; it counts the clips it encodes.
pub struct CountingEncoder(EncoderDescription, Cell<usize>);

impl CountingEncoder {
    pub fn new(identity: &str) -> CountingEncoder {
        let encoder = EncoderDescription {
            name: "test".into(),
            comparable: false,
            identity: identity.into(),
            preset: None,
            divisor: Divisor::Unbiased,
            dimension: 3,
        };
        CountingEncoder(encoder, Cell::new(0))
    }

    pub fn clips(&self) -> usize {
        self.1.get()
    }
}

impl ClipFeatures for CountingEncoder {
    fn encoder(&self) -> &EncoderDescription {
        &self.0
    }

    fn features(&self, clips: &VideoBatch) -> Result<Vec<f32>> {
        self.1.set(self.1.get() + clips.batch);
        let feature = |b: usize, number: usize| {
            let last = clips.frame(b, FRAMES - 1).iter().enumerate();
            last.map(|(at, &byte)| f32::from(byte) * (at % (7 + number)) as f32).sum::<f32>()
        };
        Ok((0..clips.batch).flat_map(|b| (0..3).map(move |number| feature(b, number))).collect())
    }
}

/// A distance that is easy to check by hand: the mean absolute difference of values.
pub struct MeanDifference;

impl FrameDistance for MeanDifference {
    fn distances(&self, frames: &[u8], size: (usize, usize), pairs: &[Pair]) -> Result<Vec<f64>> {
        let frames: Vec<&[u8]> = frames.chunks_exact(size.0 * size.1 * 3).collect();
        let mean = |&(a, b): &Pair| {
            let apart = frames[a].iter().zip(frames[b]).map(|(&a, &b)| f64::from(a.abs_diff(b)));
            apart.sum::<f64>() / frames[a].len() as f64
        };
        Ok(pairs.iter().map(mean).collect())
    }
}

/// An observer that never stops the measurement.
pub struct SilentObserver;

impl MeasurementObserver for SilentObserver {
    fn advance(&self, _: usize) {}
    fn stopped(&self) -> bool {
        false
    }
}
