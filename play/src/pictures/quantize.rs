//! Reduces a frame to at most 256 colours, for GIF.

use std::borrow::Cow;
use std::ops::Range;

/// Largest number of colours of a GIF frame.
const MOST: usize = 256;

/// A colour of the frame, and how many pixels have it.
type CountedColor = ([u8; 3], u32);

/// Returns the frame with at most 256 colours; a frame that has no more stays the same.
///
/// The colours are divided into boxes. The box with the largest squared error is split at the mean
/// of its longest axis, until there are 256. Each colour becomes the mean of its box.
pub(super) fn quantize(frame: &[u8]) -> Cow<'_, [u8]> {
    let mut sorted = frame.as_chunks::<3>().0.to_vec();
    sorted.sort_unstable();
    let mut colors: Vec<CountedColor> =
        sorted.chunk_by(PartialEq::eq).map(|same| (same[0], same.len() as u32)).collect();
    if colors.len() <= MOST {
        return Cow::Borrowed(frame);
    }
    let mut boxes = vec![ColorBox::new(0..colors.len(), &colors)];
    while boxes.len() < MOST {
        let errors = boxes.iter().map(ColorBox::error).enumerate();
        let Some((worst, _)) = errors.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        let halves = boxes.swap_remove(worst).split(&mut colors);
        boxes.extend(halves);
    }
    let mut becomes: Vec<([u8; 3], [u8; 3])> = boxes
        .iter()
        .flat_map(|one| colors[one.range.clone()].iter().map(|(color, _)| (*color, one.color())))
        .collect();
    becomes.sort_unstable();
    let replace = |color: &[u8; 3]| {
        let place = becomes.binary_search_by_key(color, |pair| pair.0);
        becomes[place.expect("every colour of the frame is in a box")].1
    };
    Cow::Owned(frame.as_chunks::<3>().0.iter().flat_map(replace).collect())
}

/// A range of the colours, with the mean and the squared error along each axis.
struct ColorBox {
    range: Range<usize>,
    mean: [f64; 3],
    errors: [f64; 3],
}

impl ColorBox {
    fn new(range: Range<usize>, colors: &[CountedColor]) -> Self {
        let (mut count, mut sum, mut squares) = (0.0, [0.0; 3], [0.0; 3]);
        for (color, pixels) in &colors[range.clone()] {
            let pixels = f64::from(*pixels);
            count += pixels;
            for axis in 0..3 {
                let value = f64::from(color[axis]);
                sum[axis] += pixels * value;
                squares[axis] += pixels * value * value;
            }
        }
        let mean = sum.map(|sum| sum / count);
        let errors = [0, 1, 2].map(|axis| squares[axis] - sum[axis] * mean[axis]);
        Self { range, mean, errors }
    }

    fn error(&self) -> f64 {
        // One colour has no error; rounding must not choose it.
        if self.range.len() == 1 { 0.0 } else { self.errors.iter().sum() }
    }

    fn color(&self) -> [u8; 3] {
        self.mean.map(|mean| mean.round() as u8)
    }

    /// Splits a box of at least two colours; sorts its colours along the axis of the split.
    fn split(self, colors: &mut [CountedColor]) -> [Self; 2] {
        let axes = (0..3).max_by(|&a, &b| self.errors[a].total_cmp(&self.errors[b]));
        let axis = axes.expect("a colour has three axes");
        let inside = &mut colors[self.range.clone()];
        inside.sort_unstable_by_key(|(color, _)| (color[axis], *color));
        let below = inside.partition_point(|(color, _)| f64::from(color[axis]) <= self.mean[axis]);
        let middle = self.range.start + below.clamp(1, inside.len() - 1);
        let Range { start, end } = self.range;
        [start..middle, middle..end].map(|range| Self::new(range, colors))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn count(frame: &[u8]) -> usize {
        frame.as_chunks::<3>().0.iter().collect::<BTreeSet<_>>().len()
    }

    /// Catches: a frame that GIF can show exactly is changed.
    #[test]
    fn few_colours_stay() {
        let frame: Vec<u8> =
            (0..=255).flat_map(|i: u8| [i, i.reverse_bits(), 7].repeat(2)).collect();
        assert_eq!(quantize(&frame), frame);
    }

    /// Catches: a common colour is mixed with rare ones; the colours are far from the frame's.
    #[test]
    fn common_colours_are_kept() {
        let sky = [92, 148, 252].repeat(5000);
        let noise = (0..900_u32).flat_map(|i| [i * 7, i * 31, i * 57].map(|value| value as u8));
        let frame: Vec<u8> = sky.into_iter().chain(noise).collect();
        let found = quantize(&frame);
        assert_eq!(count(&found), MOST);
        assert_eq!(found[..15_000], frame[..15_000]);
        let far = found.iter().zip(&frame).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far < Some(64), "{far:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Catches: a frame has more than 256 colours, or a box without colours is split.
        #[test]
        fn every_frame_can_be_shown(
            pixels in prop::collection::vec(any::<[u8; 3]>(), 0..1500),
            flat in 0..3_usize,
        ) {
            let frame: Vec<u8> = pixels
                .iter()
                .flat_map(|pixel| [pixel[0], if flat > 0 { 9 } else { pixel[1] }, pixel[2]])
                .collect();
            let found = quantize(&frame);
            prop_assert_eq!(found.len(), frame.len());
            prop_assert!(count(&found) <= MOST);
        }
    }
}
