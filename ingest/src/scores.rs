//! What a filter can know of a clip from its pixels.
//!
//! Every score has one definition and, but for `motion`s, a range that does not depend on the size of the frames: most are taken
//! from the small luma picture ([`Plane`]). Whole numbers are summed, and in one order, so a clip has the same scores on
//! every machine. None asks what a game is; together they tell recordings of play from black, white, still and
//! noisy ones, test patterns and zooms. What they cannot tell: a menu before a moving picture, a player who only stands.

mod blocks;
mod layers;
pub mod plane;
pub mod shift;
mod tones;
mod zoom;

use genie_shards::{Frames, Scores};

use blocks::BlockChanges;
use layers::Layers;
pub use plane::Plane;
use tones::Tones;

/// Expensive scores are taken from some so many of a clip's frames, evenly spread.
const SAMPLES: usize = 40;

/// Mean absolute difference of two independent samples of a normal distribution, in standard deviations.
const UNRELATED: f32 = std::f32::consts::FRAC_2_SQRT_PI;

/// Of a clip's frames and their small pictures. A clip of less than two frames has no motion.
pub fn of(frames: &Frames, planes: &[Plane]) -> Scores {
    let Some(first) = planes.first() else { return Scores::default() };
    let mut blocks = BlockChanges::new(frames.width, frames.height);
    let mut layers = Layers::new(first);
    let mut tones = Tones::default();
    let stride = (planes.len() / SAMPLES).max(1);
    let mut repeated = 0;
    for (i, now) in planes.iter().enumerate() {
        let Some(rgb) = frames.frame(i) else { break };
        tones.add(now);
        if i % stride == 0 {
            tones.add_detail(now, rgb);
        }
        let Some(previous) = i.checked_sub(1) else { continue };
        let Some(before) = frames.frame(previous) else { break };
        repeated += u64::from(blocks.add(before, rgb));
        if i % stride == 0 {
            layers.add(&planes[previous], now);
        }
    }
    let pairs = planes.len() as u64 - 1;
    let deviation = tones.deviation();
    let unrelated = UNRELATED * deviation;
    Scores {
        motion: blocks.mean(),
        motion_block: blocks.largest(),
        static_share: plane::ratio(repeated, pairs),
        black_share: tones.black(),
        white_share: tones.white(),
        contrast: deviation / 127.5,
        saturation: tones.saturation(),
        sharpness: tones.sharpness(),
        scroll: layers.scroll(),
        overlay_share: layers.overlay(),
        noise: if unrelated < 1.0 { 0.0 } else { (layers.unexplained() / unrelated).min(1.0) },
        zoom: zoom_share(planes, 4.max(2 * stride)),
        ..Scores::default()
    }
}

/// Over every `every`th pair.
fn zoom_share(planes: &[Plane], every: usize) -> f32 {
    let (mut translated, mut zoomed) = (0.0, 0.0);
    for (before, now) in planes.iter().zip(planes.iter().skip(zoom::LAG)).step_by(every) {
        let left = zoom::left(before, now);
        translated += left.0;
        zoomed += left.1;
    }
    if translated > 0.0 { 1.0 - zoomed / translated } else { 0.0 }
}
