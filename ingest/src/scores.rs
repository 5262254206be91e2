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

use genie_shards::Frames;

use blocks::BlockChanges;
use layers::Layers;
pub use plane::Plane;
use tones::Tones;

/// Expensive scores are taken from some so many of a clip's frames, evenly spread.
const SAMPLES: usize = 40;

/// Mean absolute difference of two independent samples of a normal distribution, in standard deviations: 2 / √π.
const UNRELATED: f32 = 1.128_379_2;

/// The scores of one clip, all 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Mean absolute difference between neighbouring frames, over all bytes of RGB.
    pub motion: f32,
    /// The same of the block that moves most, of 8×8 over the picture: a small figure in an otherwise still one.
    pub motion_block: f32,
    /// Share of frames that only repeat the one before: in no block of 8×8 is the mean difference 2 levels of 255.
    pub static_share: f32,
    /// Share of pixels, over all frames, whose luma is below 24 of 255.
    pub black_share: f32,
    /// Share of pixels, over all frames, whose luma is above 232 of 255.
    pub white_share: f32,
    /// Standard deviation of luma within a frame over 127.5 (its greatest possible), averaged over frames: 0 is one plain
    /// colour.
    pub contrast: f32,
    /// Difference between the strongest and the weakest of red, green and blue, averaged over pixels: 0 is grey, 1 is nothing but
    /// pure colours.
    pub saturation: f32,
    /// Energy of the Laplacian over 64 times the variance of luma: 0 is blurred, 0.31 is white noise, 1 is a chessboard of
    /// single pixels.
    pub sharpness: f32,
    /// Share of the change between neighbouring frames that one translation explains, over those pairs where it explains at
    /// least 0.3 of it and takes a tenth of the picture along; each part of the picture may have stayed put instead. 0 in a
    /// game of single screens.
    pub scroll: f32,
    /// Share of the picture that stays put while the rest scrolls: a HUD, a banner, the frame of a face camera, but
    /// also a fixed backdrop. Plain parts are not counted; 0 where nothing scrolls.
    pub overlay_share: f32,
    /// Change between neighbouring frames that neither staying nor one translation explains, over what two unrelated pictures of
    /// this contrast would differ by: near 1 for television static.
    pub noise: f32,
    /// Share of the change over eight frames, after the best translation, that a zoom about the centre explains.
    pub zoom: f32,
}

impl Scores {
    /// Of a clip's frames and their small pictures, [`Plane::all`]. A clip of less than two frames has no motion.
    pub fn of(frames: &Frames, planes: &[Plane]) -> Self {
        let Some(first) = planes.first() else { return Self::default() };
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
        Self {
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
        }
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
