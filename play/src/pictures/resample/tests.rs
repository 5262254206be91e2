//! Tests of fitting pictures into frames.

use image::ColorType;
use proptest::prelude::*;

use super::*;

fn grey(width: usize, values: &[u8]) -> DecodedPicture {
    let height = values.len() / width;
    DecodedPicture { samples: values.to_vec(), width, height, color: ColorType::L8 }
}

/// Fits a grey picture and returns the grey values.
fn fitted(width: usize, values: &[u8], size: (usize, usize), how: Fit) -> Vec<u8> {
    let frame = fit(&grey(width, values), size, how);
    frame.as_chunks::<3>().0.iter().map(|pixel| pixel[0]).collect()
}

/// Catches: a picture of the model's own size is changed.
#[test]
fn the_same_size_changes_nothing() {
    let values: Vec<u8> = (0..35).map(|i| (i * 37 % 256) as u8).collect();
    for how in [Fit::Crop, Fit::Pad] {
        assert_eq!(fitted(7, &values, (5, 7), how), values);
    }
}

/// Catches: pixel art becomes soft, or moves by half a pixel.
#[test]
fn whole_factors_repeat_pixels() {
    let expected = [[10, 10, 10, 200, 200, 200]; 3].concat();
    let below = [[30, 30, 30, 40, 40, 40]; 3].concat();
    assert_eq!(fitted(2, &[10, 200, 30, 40], (6, 6), Fit::Crop), [expected, below].concat());
}

/// Catches: pixels are skipped when a picture becomes smaller; the mean is not rounded.
#[test]
fn smaller_pictures_have_the_means() {
    assert_eq!(fitted(4, &[0, 10, 20, 40, 0, 11, 20, 41], (1, 2), Fit::Crop), [5, 30]);
    // 3 columns become 2: the middle one counts for half of each.
    assert_eq!(fitted(3, &[0, 90, 30], (1, 2), Fit::Pad), [30, 50]);
}

/// Catches: crop cuts one side only, or stretches.
#[test]
fn crop_keeps_the_centre() {
    assert_eq!(fitted(6, &[1, 2, 30, 40, 5, 6], (1, 2), Fit::Crop), [30, 40]);
    assert_eq!(fitted(1, &[1, 2, 30, 40, 5, 6], (2, 1), Fit::Crop), [30, 40]);
}

/// Catches: pad loses a side of the picture, stretches it, or has bars in another colour.
#[test]
fn pad_keeps_everything() {
    let frame = fitted(4, &[0, 60, 60, 0, 60, 60, 60, 60], (4, 4), Fit::Pad);
    assert_eq!(frame, [[45; 4], [0, 60, 60, 0], [60; 4], [45; 4]].concat());
    let tall = fitted(1, &[7; 1000], (3, 3), Fit::Pad);
    assert_eq!(tall, [7; 9]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Catches: some pair of sizes panics, has a wrong length, or leaves the range of the values.
    #[test]
    fn every_size_fits(
        (width, height) in (1..90_usize, 1..90_usize),
        size in (1..70_usize, 1..70_usize),
        (low, high) in (0..120_u8, 130..=255_u8),
        crop: bool,
    ) {
        let values: Vec<u8> =
            (0..width * height).map(|i| if i * 7 % 3 == 0 { low } else { high }).collect();
        let how = if crop { Fit::Crop } else { Fit::Pad };
        let frame = fitted(width, &values, size, how);
        prop_assert_eq!(frame.len(), size.0 * size.1);
        prop_assert!(frame.iter().all(|&value| (low..=high).contains(&value)));
    }
}
