//! The distance between real and generated windows at one time of long clips.
//!
//! The numbers are those of `describe`, without the probes: frozen clips do not depend on the time.

use crate::distance::describe::{Draws, Groups};
use crate::distance::encoder::EncoderDescription;
use crate::distance::features::Features;
use crate::distance::kernel::KernelSums;
use crate::distance::resample::Resampler;
use crate::report::schema::WindowDistance;

/// Computes the numbers for windows that end with frame `t`, one window of each clip.
#[must_use]
pub fn window_distance(
    t: usize,
    encoder: &EncoderDescription,
    real: &[&[f32]],
    generated: &[&[f32]],
    groups: &Groups,
    draws: Draws,
) -> WindowDistance {
    let features = |rows: &[&[f32]]| Features::new(encoder.dimension, rows.concat());
    let (real, generated) = (features(real), features(generated));
    let clips = Resampler {
        real: &real,
        generated: &generated,
        group: &groups.group,
        divisor: encoder.divisor,
        seed: draws.seed,
    };
    let halves = clips.halves();
    let kernel = KernelSums::new(&real, &generated, &groups.group);
    WindowDistance {
        t,
        real_clips: real.len(),
        frechet: clips.distance(),
        frechet_ci95: clips.interval(),
        half_clips: halves.clips,
        half_floor: halves.real,
        half_generated: halves.generated,
        kernel: kernel.distance(),
        kernel_ci95: kernel.interval(draws.bootstrap, draws.seed),
    }
}
