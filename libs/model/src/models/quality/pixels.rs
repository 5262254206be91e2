//! Small frames as the input of the convolutions.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::input::{QualityInput, SIZE};
use crate::data::RGB;

/// Values per pixel: a frame, its change, its motion, its detail, and the place in the picture.
pub const CHANNELS: usize = 2 * RGB + 2 + 1 + 2;
/// Factor of changes and of detail, because most of them are small.
const SMALL: f32 = 2.0;
/// Squared gradient of luma below which a change says nothing about motion.
const PLAIN: f32 = 2e-3;
/// Range of the factors of brightness in training.
const GAINS: std::ops::Range<f32> = 0.7..1.3;
/// Largest shifts in training, in rows and in columns.
const SHIFTS: (i32, i32) = (2, 4);

/// How a clip is shown.
///
/// In training, colours are exchanged and pictures shifted: the colours and places of a few sources
/// say nothing about others. Pictures are not mirrored, because the direction of play is a sign of
/// reversed play.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    colours: [usize; RGB],
    gain: f32,
    shift: (isize, isize),
}

impl Augmentation {
    /// The clip as it is.
    pub const PLAIN: Self = Self { colours: [0, 1, 2], gain: 1.0, shift: (0, 0) };

    /// A random view, for training.
    pub fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut colours = Self::PLAIN.colours;
        colours.shuffle(rng);
        let mut shift = |most: i32| rng.random_range(-most..=most) as isize;
        let shift = (shift(SHIFTS.0), shift(SHIFTS.1));
        Self { colours, gain: rng.random_range(GAINS), shift }
    }

    /// A frame with values from 0 to 1, `[height, width, 3]`.
    fn show(&self, frame: &[u8]) -> Vec<f32> {
        let mut values = Vec::with_capacity(frame.len());
        for row in 0..SIZE.0 {
            for column in 0..SIZE.1 {
                let (row, column) =
                    (moved(row, self.shift.0, SIZE.0), moved(column, self.shift.1, SIZE.1));
                let pixel = &frame[(row * SIZE.1 + column) * RGB..][..RGB];
                let value = |colour: &usize| f32::from(pixel[*colour]) / 255.0 * self.gain;
                values.extend(self.colours.iter().map(value));
            }
        }
        values
    }
}

/// A place that is moved, within the picture.
fn moved(place: usize, by: isize, size: usize) -> usize {
    place.saturating_add_signed(by).min(size - 1)
}

/// The pixels of clips, `[clip*moment, height, width, channel]`.
pub fn pixels<'a, B: Backend>(
    clips: impl Iterator<Item = (&'a QualityInput, Augmentation)>,
    device: &B::Device,
) -> Tensor<B, 4> {
    let (height, width) = SIZE;
    let frame = height * width * RGB;
    let mut values = Vec::new();
    for (clip, view) in clips {
        for pair in clip.frames().chunks_exact(2 * frame) {
            let (now, next) = pair.split_at(frame);
            add_pair(&view.show(now), &view.show(next), &mut values);
        }
    }
    let pictures = values.len() / (height * width * CHANNELS);
    let shape = [pictures, height, width, CHANNELS];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Appends the values of a pair of frames, `[height, width, channel]`.
fn add_pair(now: &[f32], next: &[f32], to: &mut Vec<f32>) {
    let (height, width) = SIZE;
    let luma = |frame: &[f32]| -> Vec<f32> {
        frame.chunks_exact(RGB).map(|pixel| pixel.iter().sum::<f32>() / RGB as f32).collect()
    };
    let (grey, next_grey) = (luma(now), luma(next));
    for place in 0..height * width {
        let (row, column) = (place / width, place % width);
        let at = |down: isize, right: isize| {
            grey[moved(row, down, height) * width + moved(column, right, width)]
        };
        let pixel = place * RGB..(place + 1) * RGB;
        to.extend(now[pixel.clone()].iter().map(|value| value - 0.5));
        let pairs = now[pixel.clone()].iter().zip(&next[pixel]);
        to.extend(pairs.map(|(now, next)| (next - now) * SMALL));
        // The motion along the gradient, in pixels. Only its sign is reliable.
        let (across, along) = ((at(0, 1) - at(0, -1)) / 2.0, (at(1, 0) - at(-1, 0)) / 2.0);
        let change = next_grey[place] - grey[place];
        let steepness = across * across + along * along + PLAIN;
        to.extend([across, along].map(|slope| (-change * slope / steepness).clamp(-1.0, 1.0)));
        let detail = 4.0 * at(0, 0) - at(0, 1) - at(0, -1) - at(1, 0) - at(-1, 0);
        to.push((detail.abs() * SMALL).min(1.0));
        to.push(row as f32 / height as f32 - 0.5);
        to.push(column as f32 / width as f32 - 0.5);
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::backend::flex::FlexDevice;

    use super::*;
    use crate::testing::rng;

    /// The channel at each pixel of a clip whose luma is `grey(row, column, frame)`.
    fn channel(number: usize, grey: impl Fn(usize, usize, usize) -> u8) -> Vec<f32> {
        let mut frames = Vec::new();
        for frame in 0..16 {
            for place in 0..SIZE.0 * SIZE.1 {
                frames.extend([grey(place / SIZE.1, place % SIZE.1, frame % 2); RGB]);
            }
        }
        let input = QualityInput::of_frames(frames, vec![]).unwrap();
        let values: Tensor<Flex, 4> =
            pixels(std::iter::once((&input, Augmentation::PLAIN)), &FlexDevice);
        let values = values.into_data().to_vec::<f32>().unwrap();
        values.into_iter().skip(number).step_by(CHANNELS).collect()
    }

    /// Catches: motion to the right looks like motion to the left or downwards; detail is not zero
    /// in plain areas.
    #[test]
    fn motion_and_detail_have_their_own_channels() {
        let ramp = |_: usize, column: usize, frame: usize| (40 + 3 * column - 3 * frame) as u8;
        let mean = |values: Vec<f32>| values.iter().sum::<f32>() / values.len() as f32;
        let right = mean(channel(6, ramp));
        assert!(right > 0.05, "{right}");
        let back = |row, column, frame| ramp(row, column, 1 - frame);
        assert!((mean(channel(6, back)) + right).abs() < 0.02);
        assert!(mean(channel(7, ramp)).abs() < 1e-6);
        assert!(mean(channel(8, |_, _, _| 90)).abs() < 1e-6);
        assert!(mean(channel(8, |row, column, _| ((row + column) % 2 * 90) as u8)) > 0.5);
    }

    /// Catches: a view changes what a picture shows instead of how, or all views are the same.
    #[test]
    fn views_exchange_colours_and_shift() {
        let mut frame = vec![0; SIZE.0 * SIZE.1 * RGB];
        frame[(10 * SIZE.1 + 20) * RGB..][..RGB].copy_from_slice(&[51, 102, 153]);
        let view = Augmentation { colours: [2, 0, 1], gain: 1.0, shift: (1, -4) };
        let shown = view.show(&frame);
        let pixel = &shown[(9 * SIZE.1 + 24) * RGB..][..RGB];
        assert_eq!(pixel, [0.6, 0.2, 0.4]);
        let mut rng = rng(1);
        let views: Vec<Augmentation> = (0..20).map(|_| Augmentation::random(&mut rng)).collect();
        assert!(views.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
