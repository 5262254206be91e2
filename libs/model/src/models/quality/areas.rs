//! Sums over areas of a picture, from which pixels of a smaller picture follow.

use std::ops::Range;

use crate::data::RGB;

/// The places among `length` that become place `place` of `of` places; at least one.
pub fn span(place: usize, of: usize, length: usize) -> Range<usize> {
    let begin = place * length / of;
    begin..((place + 1) * length / of).max(begin + 1)
}

/// The sums of the colours in an area of a frame, and the number of its pixels.
///
/// A row of the frame has `width` pixels.
pub fn sums(
    frame: &[u8],
    width: usize,
    rows: Range<usize>,
    columns: Range<usize>,
) -> ([u32; RGB], u32) {
    let count = (rows.len() * columns.len()) as u32;
    let mut sums = [0; RGB];
    for y in rows {
        for x in columns.clone() {
            let pixel = &frame[(y * width + x) * RGB..][..RGB];
            sums.iter_mut().zip(pixel).for_each(|(sum, byte)| *sum += u32::from(*byte));
        }
    }
    (sums, count)
}
