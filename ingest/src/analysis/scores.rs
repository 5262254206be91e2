//! Scores of a clip that a filter can use, computed from its pixels.
//!
//! Most scores use the small luma picture ([`Plane`]), so they hardly depend on the size or the
//! encoding of the frames. Sums are of integers, or of a few floats in a fixed order. So a clip has
//! the same scores on every machine.
//!
//! No score recognises a game. Together they distinguish recordings of play from black, white,
//! still and noisy clips, test patterns and zooms. They cannot detect a menu in front of a moving
//! picture, or a player who only stands.

mod blocks;
mod layers;
mod tones;
mod zoom;

use genie_shards::{Frames, Scores};

use super::plane::{Plane, ratio};
use blocks::BlockChanges;
use layers::Layers;
use tones::Tones;

/// Expensive scores use about this many of a clip's frames, evenly spread.
const SAMPLES: usize = 40;

/// Mean absolute difference of two independent samples of a normal distribution: 2 / √π.
///
/// The unit is standard deviations.
const UNRELATED: f32 = std::f32::consts::FRAC_2_SQRT_PI;

/// Computes a clip's scores from its frames and their small pictures, one plane per frame.
///
/// A clip of fewer than two frames has no motion.
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
        static_share: ratio(repeated, pairs),
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

/// Returns which of 8 × 8 blocks differ between two RGB frames of `size` (width, height).
///
/// The result has a bit for each block. If more than `most` differ, some bits are missing.
pub fn moved_blocks(before: &[u8], now: &[u8], (width, height): (usize, usize), most: u32) -> u64 {
    BlockChanges::new(width, height).moved(before, now, most)
}

/// Returns the largest mean difference of a block between two frames, in levels of 255.
pub fn largest_change(before: &[u8], now: &[u8], (width, height): (usize, usize)) -> f32 {
    let mut changes = BlockChanges::new(width, height);
    changes.add(before, now);
    changes.largest() * 255.0
}

/// Returns the share of change that a zoom explains, over every `every`th pair of frames.
fn zoom_share(planes: &[Plane], every: usize) -> f32 {
    let (mut translated, mut zoomed) = (0.0, 0.0);
    for (before, now) in planes.iter().zip(planes.iter().skip(zoom::LAG)).step_by(every) {
        let left = zoom::left(before, now);
        translated += left.0;
        zoomed += left.1;
    }
    if translated > 0.0 { 1.0 - zoomed / translated } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use genie_shards::{ClipRow, condition_columns};

    use super::*;
    use crate::analysis::synthetic::{TestPicture, clip, noise, plain, world};

    const SIZES: [(usize, usize); 3] = [(32, 32), (64, 64), (160, 90)];

    fn scores(pictures: impl IntoIterator<Item = TestPicture>) -> Scores {
        let frames = clip(pictures);
        let plane = |i| Plane::of(frames.frame(i).unwrap(), frames.width, frames.height);
        of(&frames, &(0..frames.t).map(plane).collect::<Vec<_>>())
    }

    fn assert_near(score: f32, expected: f32, margin: f32) {
        assert!((score - expected).abs() <= margin, "{score} is not within {margin} of {expected}");
    }

    /// Catches: the shares of black and of white frames are mixed up, or a plain clip has contrast.
    #[test]
    fn plain_clips_are_known_by_their_tone() {
        let black = scores((0..16).map(|_| plain(160, 90, [3, 3, 3])));
        assert_eq!(
            (black.black_share, black.white_share, black.contrast, black.static_share),
            (1.0, 0.0, 0.0, 1.0)
        );
        let white = scores((0..16).map(|_| plain(160, 90, [250, 250, 250])));
        assert_eq!(
            (white.black_share, white.white_share, white.contrast, white.noise),
            (0.0, 1.0, 0.0, 0.0)
        );
        let red = scores((0..16).map(|_| plain(160, 90, [255, 0, 0])));
        assert_eq!((red.black_share, red.contrast, red.saturation), (0.0, 0.0, 1.0));
    }

    /// Catches: scrolling is not found at some size, or the shift has the wrong sign along an axis.
    #[test]
    fn a_scrolling_world_scrolls_at_every_size() {
        for (width, height) in SIZES {
            let step = width.cast_signed() / 16;
            let s = scores((0..32).map(|i| world(1, width, height, i * step, i * step / 2)));
            assert!(s.scroll > 0.7, "{width}×{height}: {s:?}");
            assert!(
                s.overlay_share < 0.02 && s.noise < 0.3 && s.zoom < 0.1 && s.static_share == 0.0,
                "{s:?}"
            );
        }
    }

    /// Catches: a banner hides the scrolling behind it, or does not count as overlay.
    #[test]
    fn a_fixed_layer_before_a_scrolling_world_is_overlay() {
        let s = scores(
            (0..32).map(|i| world(1, 160, 90, i * 6, 0).over(&noise(9, 160, 90), 0..160, 0..30)),
        );
        assert_near(s.overlay_share, 0.33, 0.06);
        assert!(s.scroll > 0.5, "{s:?}");
    }

    /// Catches: a figure's motion on a single screen counts as scrolling with an overlay.
    #[test]
    fn a_figure_before_a_still_screen_does_not_scroll() {
        let figure = plain(160, 90, [250, 240, 30]);
        let s = scores(
            (0..32).map(|i| world(1, 160, 90, 0, 0).over(&figure, i * 4..i * 4 + 10, 40..54)),
        );
        assert_eq!((s.scroll, s.overlay_share, s.static_share), (0.0, 0.0, 0.0));
        assert!(s.motion_block > 4.0 * s.motion, "{s:?}");
    }

    /// Catches: the search explains noise by a translation, or the noise score depends on size.
    #[test]
    fn unrelated_frames_are_noise_at_every_size() {
        for (width, height) in SIZES {
            let s = scores((0..16).map(|i| noise(i, width, height)));
            assert!(s.noise > 0.7 && s.scroll == 0.0, "{width}×{height}: {s:?}");
            assert_near(s.sharpness, 0.31, 0.06);
        }
    }

    /// Catches: the score assumes a zoom about a corner, or finds a zoom in one direction only.
    #[test]
    fn a_zoom_is_known_in_both_directions() {
        let size = |i: u32| 1.02_f64.powi(i.try_into().unwrap());
        let inwards = scores((0..32).map(|i| world(1, 160, 90, 0, 0).scaled(1.0 / size(i))));
        let outwards = scores((0..32).map(|i| world(1, 160, 90, 0, 0).scaled(1.0 / size(32 - i))));
        assert!(inwards.zoom > 0.3 && outwards.zoom > 0.3, "{inwards:?} {outwards:?}");
    }

    /// Catches: encoding noise in a pause counts as motion, or motion is lost in a large picture.
    #[test]
    fn repeated_frames_are_static_and_a_moving_figure_is_not() {
        let grain = |i: u64| {
            world(1, 160, 90, 0, 0)
                .dimmed(|p, at| p.saturating_add(u8::try_from((at as u64 + i) % 2).unwrap()))
        };
        assert_near(scores((0..16).map(grain)).static_share, 1.0, 1e-6);
        let half = scores((0..21).map(|i| world(1, 160, 90, (i / 2) * 4, 0)));
        assert_near(half.static_share, 0.5, 1e-6);
    }

    /// Catches: motion is no longer the mean over all bytes and pairs.
    #[test]
    fn motion_is_the_mean_difference_of_neighbouring_frames() {
        let s = scores([10, 20, 50].map(|v| plain(33, 17, [v, v, v])));
        assert_near(s.motion, 20.0 / 255.0, 1e-6);
        assert_near(s.motion_block, 20.0 / 255.0, 1e-6);
    }

    /// Catches: README.md does not explain a new score.
    #[test]
    fn the_page_explains_every_score() {
        let page = include_str!("../../README.md");
        let columns = condition_columns(&[ClipRow::default()]).unwrap();
        let schema = columns.schema();
        let fields = schema.fields().iter();
        let scores: Vec<_> =
            fields.filter(|field| field.data_type().to_string() == "Float32").collect();
        assert!(scores.len() >= 14, "{scores:?}");
        for score in scores {
            let name = format!("`{}`", score.name());
            assert!(page.contains(&name), "README.md has no {name}");
        }
    }

    /// Catches: frames of one pixel, or clips of one frame, cause a panic or NaN.
    ///
    /// The config allows these sizes.
    #[test]
    fn any_size_and_length_has_scores() {
        for (width, height) in [(1, 1), (2, 7), (7, 2), (16, 16), (81, 3), (321, 181), (640, 9)] {
            for count in [0, 1, 2, 9, 17] {
                let s = scores((0..count).map(|i| noise(i, width, height)));
                let all = [
                    s.motion,
                    s.motion_block,
                    s.static_share,
                    s.black_share,
                    s.white_share,
                    s.contrast,
                ];
                let more = [s.saturation, s.sharpness, s.scroll, s.overlay_share, s.noise, s.zoom];
                assert!(
                    all.iter().chain(&more).all(|score| (0.0..=1.0).contains(score)),
                    "{width}×{height}: {s:?}"
                );
            }
        }
    }
}
