//! Synthetic flaws: what a good clip would look like if it were not plain play.
//!
//! They work on the small frames that the network sees, `[moment, 2, height, width, 3]`.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::areas::{span, sums};
use super::config::SyntheticConfig;
use super::input::{MOMENTS, SIZE};
use crate::data::RGB;

/// Number of bytes of a small frame.
const FRAME: usize = SIZE.0 * SIZE.1 * RGB;
/// The whole picture.
const WHOLE: Area = Area { top: 0, left: 0, height: SIZE.0, width: SIZE.1 };

/// A synthetic flaw. A training step shows good clips with one, labelled bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntheticFlaw {
    /// The clip is played backwards.
    Reversed,
    /// Two clips share the picture.
    Split,
    /// The middle of the picture is between blurred bars.
    Bars,
    /// A small picture lies over the clip, often with a banner.
    Overlay,
}

/// A rectangle of a picture, in pixels.
#[derive(Clone, Copy, Debug)]
struct Area {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl SyntheticFlaw {
    /// The flaws that a config allows.
    pub fn allowed(config: &SyntheticConfig) -> Vec<Self> {
        let flaws = [
            (Self::Reversed, config.reversed),
            (Self::Split, config.split),
            (Self::Bars, config.bars),
            (Self::Overlay, config.overlay),
        ];
        let is_on = config.weight > 0.0;
        flaws.into_iter().filter_map(|(flaw, allowed)| (is_on && allowed).then_some(flaw)).collect()
    }

    /// The frames of `clip` with this flaw. `other` is another good clip.
    pub fn applied(self, clip: &[u8], other: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
        // The clip itself at another time looks like its game, as the other half of a split screen
        // does. Otherwise the network learns to look for two games.
        let other = if rng.random_bool(0.5) { at_another_time(clip) } else { other.to_vec() };
        match self {
            Self::Reversed => clip.rchunks_exact(FRAME).flatten().copied().collect(),
            Self::Split => split(clip, &other, rng),
            Self::Bars => bars(clip, rng),
            Self::Overlay => overlay(clip, &other, rng),
        }
    }
}

/// The clip from its middle on, and then its beginning.
fn at_another_time(clip: &[u8]) -> Vec<u8> {
    let mut moved = clip.to_vec();
    moved.rotate_left(MOMENTS / 2 * 2 * FRAME);
    moved
}

/// Two clips side by side, or one above the other: each is squeezed, or its middle is shown.
fn split(clip: &[u8], other: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let (height, width) = SIZE;
    let halves = if rng.random_bool(0.7) {
        [0, width / 2].map(|left| Area { left, width: width / 2, ..WHOLE })
    } else {
        [0, height / 2].map(|top| Area { top, height: height / 2, ..WHOLE })
    };
    let seen = if rng.random_bool(0.5) { WHOLE } else { middle(halves[0].height, halves[0].width) };
    let mut frames = clip.to_vec();
    for (to, (one, two)) in
        frames.chunks_exact_mut(FRAME).zip(clip.chunks_exact(FRAME).zip(other.chunks_exact(FRAME)))
    {
        paste(one, seen, to, halves[0]);
        paste(two, seen, to, halves[1]);
    }
    frames
}

/// The middle of the picture, over an enlarged and blurred picture.
fn bars(clip: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let shown = middle(SIZE.0, rng.random_range(SIZE.1 * 3 / 10..=SIZE.1 * 6 / 10));
    let share: f32 = rng.random_range(0.4..=1.0);
    let behind = middle(scaled(SIZE.0, share), scaled(SIZE.1, share));
    let (radius, light) = (rng.random_range(2..=4), rng.random_range(0.5..=1.0));
    let mut frames = vec![0; clip.len()];
    for (to, frame) in frames.chunks_exact_mut(FRAME).zip(clip.chunks_exact(FRAME)) {
        paste(frame, behind, to, WHOLE);
        for _ in 0..2 {
            blur(to, radius);
        }
        for byte in to.iter_mut() {
            *byte = (f32::from(*byte) * light) as u8;
        }
        paste(frame, shown, to, shown);
    }
    frames
}

/// A small picture with other colours near a corner; often a banner of one colour.
fn overlay(clip: &[u8], other: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let share: f32 = rng.random_range(0.2..=0.4);
    let (height, width) = (scaled(SIZE.0, share), scaled(SIZE.1, share));
    let mut place = |size: usize, length: usize| {
        let margin = rng.random_range(0..=size / 12);
        if rng.random_bool(0.5) { margin } else { size - length - margin }
    };
    let small = Area { top: place(SIZE.0, height), left: place(SIZE.1, width), height, width };
    let rows = rng.random_range(3..=8);
    let top = if rng.random_bool(0.5) { 0 } else { SIZE.0 - rows };
    let banner = rng.random_bool(0.6).then_some(top * SIZE.1 * RGB..(top + rows) * SIZE.1 * RGB);
    let colour: [u8; RGB] = if rng.random_bool(0.5) { [255; RGB] } else { rng.random() };
    let mut colours: [usize; RGB] = [0, 1, 2];
    colours.shuffle(rng);
    let mut frames = clip.to_vec();
    for (to, other) in frames.chunks_exact_mut(FRAME).zip(other.chunks_exact(FRAME)) {
        if let Some(banner) = banner.clone() {
            to[banner].chunks_exact_mut(RGB).for_each(|pixel| pixel.copy_from_slice(&colour));
        }
        let other: Vec<u8> =
            other.chunks_exact(RGB).flat_map(|pixel| colours.map(|colour| pixel[colour])).collect();
        paste(&other, WHOLE, to, small);
    }
    frames
}

/// An area in the middle of the picture.
fn middle(height: usize, width: usize) -> Area {
    Area { top: (SIZE.0 - height) / 2, left: (SIZE.1 - width) / 2, height, width }
}

/// A share of a length, at least 1.
fn scaled(length: usize, share: f32) -> usize {
    ((length as f32 * share) as usize).max(1)
}

/// Copies an area of a frame into an area of another one. Pixels are means over areas.
fn paste(from: &[u8], source: Area, to: &mut [u8], target: Area) {
    let within = |place: usize, of: usize, first: usize, length: usize| {
        let span = span(place, of, length);
        first + span.start..first + span.end
    };
    for row in 0..target.height {
        let rows = within(row, target.height, source.top, source.height);
        for column in 0..target.width {
            let columns = within(column, target.width, source.left, source.width);
            let (sums, count) = sums(from, SIZE.1, rows.clone(), columns);
            let place = (target.top + row) * SIZE.1 + target.left + column;
            to[place * RGB..][..RGB].copy_from_slice(&sums.map(|sum| (sum / count) as u8));
        }
    }
}

/// Replaces pixels by means over the pixels at most `radius` rows and columns away.
fn blur(frame: &mut [u8], radius: usize) {
    let sharp = frame.to_vec();
    smooth(&sharp, frame, radius, (SIZE.0, SIZE.1 * RGB), (SIZE.1, RGB));
    let half = frame.to_vec();
    smooth(&half, frame, radius, (1, 0), (SIZE.0, SIZE.1 * RGB));
}

/// Means along lines of `length` pixels, which are `step` bytes apart.
///
/// There are `lines.0` groups of lines, `lines.1` bytes apart. The lines of a group begin in each
/// of its first `step` bytes.
fn smooth(
    from: &[u8],
    to: &mut [u8],
    radius: usize,
    lines: (usize, usize),
    (length, step): (usize, usize),
) {
    for first in (0..lines.0).flat_map(|group| (0..step).map(move |byte| group * lines.1 + byte)) {
        for place in 0..length {
            let near = place.saturating_sub(radius)..(place + radius + 1).min(length);
            let count = near.len() as u32;
            let sum: u32 = near.map(|place| u32::from(from[first + place * step])).sum();
            to[first + place * step] = (sum / count) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    /// A clip whose pixel depends on the frame, the row and the column.
    fn clip() -> Vec<u8> {
        let pixel = |place: usize| [place / SIZE.1, place % SIZE.1].map(|value| value as u8);
        let frame = |number: usize| {
            (0..SIZE.0 * SIZE.1).flat_map(move |place| {
                let [row, column] = pixel(place);
                [row, column, number as u8]
            })
        };
        (0..2 * MOMENTS).flat_map(frame).collect()
    }

    fn pixel(frames: &[u8], frame: usize, row: usize, column: usize) -> &[u8] {
        &frames[frame * FRAME + (row * SIZE.1 + column) * RGB..][..RGB]
    }

    /// Catches: the order of pairs is reversed, but not that within pairs.
    #[test]
    fn reversed_play_has_the_last_frame_first() {
        let clip = clip();
        let reversed = SyntheticFlaw::Reversed.applied(&clip, &clip, &mut rng(1));
        for frame in 0..2 * MOMENTS {
            assert_eq!(pixel(&reversed, frame, 3, 5), [3, 5, (2 * MOMENTS - 1 - frame) as u8]);
        }
    }

    /// Catches: a half of a split screen shows nothing of its clip, or the clip at one moment.
    #[test]
    fn a_split_screen_shows_both_clips() {
        let (clip, other) = (clip(), vec![200; 2 * MOMENTS * FRAME]);
        for seed in 0..10 {
            let frames = split(&clip, &other, &mut rng(seed));
            for frame in [0, 15] {
                assert_eq!(pixel(&frames, frame, 2, 3)[2], frame as u8);
                assert_eq!(pixel(&frames, frame, SIZE.0 - 1, SIZE.1 - 1), [200; RGB]);
            }
        }
    }

    /// Catches: the bars are sharp, or the middle is blurred or moved.
    #[test]
    fn bars_are_blurred_and_the_middle_is_not() {
        // A chessboard has no blurred pixel that is as light as its own.
        let clip: Vec<u8> = (0..2 * MOMENTS * FRAME)
            .map(|byte| (byte / RGB / SIZE.1 + byte / RGB % SIZE.1) as u8 % 2 * 240)
            .collect();
        for seed in 0..10 {
            let frames = bars(&clip, &mut rng(seed));
            let at = |row, column| pixel(&frames, 7, row, column)[0];
            assert_eq!([at(10, 31), at(10, 32), at(11, 32)], [240, 0, 240]);
            let bar: Vec<u8> = (0..SIZE.0).map(|row| at(row, 2)).collect();
            let contrast = bar.windows(2).map(|two| two[0].abs_diff(two[1])).max();
            assert!(contrast.is_some_and(|most| most < 120), "{bar:?}");
        }
    }

    /// Catches: an overlay hides the whole clip, nothing of it, or lies partly outside.
    #[test]
    fn an_overlay_hides_a_part() {
        let (clip, other) = (vec![10; 2 * MOMENTS * FRAME], vec![200; 2 * MOMENTS * FRAME]);
        for seed in 0..20 {
            let frames = overlay(&clip, &other, &mut rng(seed));
            let share = |grey: u8| {
                let is_grey = |pixel: &&[u8]| **pixel == [grey; RGB];
                let found = frames.chunks_exact(RGB).filter(is_grey).count();
                found as f64 / (frames.len() / RGB) as f64
            };
            assert!((0.02..0.2).contains(&share(200)), "seed {seed}: {}", share(200));
            assert!(share(10) > 0.5, "seed {seed}: {}", share(10));
        }
    }

    /// Catches: a flaw that the user switched off is still made up; weight 0 has an effect.
    #[test]
    fn flaws_can_be_switched_off() {
        let config = SyntheticConfig { split: false, ..SyntheticConfig::default() };
        let found = SyntheticFlaw::allowed(&SyntheticConfig { reversed: true, ..config });
        assert_eq!(found, [SyntheticFlaw::Reversed, SyntheticFlaw::Bars, SyntheticFlaw::Overlay]);
        assert_eq!(SyntheticFlaw::allowed(&SyntheticConfig { weight: 0.0, ..config }), []);
    }
}
