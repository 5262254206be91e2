//! Fits a picture into a frame.
//!
//! A pixel of the frame is the mean of the area that it covers in the picture. So a large picture
//! becomes small without aliasing, and every pixel of a small picture becomes a sharp rectangle.
//! With a whole factor, the result is that of nearest-neighbour scaling.

use std::ops::Range;

use super::scanline::DecodedPicture;

/// How a picture with another shape fits into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Scaled to cover the frame; the centre is cut out.
    #[default]
    Crop,
    /// Scaled to fit in; the rest has the mean colour of the picture's border.
    Pad,
}

/// Returns the picture as RGB, `[height, width, 3]`.
pub(super) fn fit(picture: &DecodedPicture, (height, width): (usize, usize), fit: Fit) -> Vec<u8> {
    let (from_width, from_height) = (picture.width as f64, picture.height as f64);
    // The scale along each axis, if the picture filled the frame.
    let (across, down) = (width as f64 / from_width, height as f64 / from_height);
    match fit {
        Fit::Crop => {
            let scale = across.max(down);
            let centred = |side: f64, visible: f64| {
                let visible = visible.min(side);
                let start = (side - visible) / 2.0;
                [start, start + visible]
            };
            let x = centred(from_width, width as f64 / scale);
            let y = centred(from_height, height as f64 / scale);
            area_means(picture, x, y, (height, width))
        }
        Fit::Pad => {
            let scale = across.min(down);
            let inner = |side: f64, most: usize| ((side * scale).round() as usize).clamp(1, most);
            let size = (inner(from_height, height), inner(from_width, width));
            let small = area_means(picture, [0.0, from_width], [0.0, from_height], size);
            pad(&small, size, (height, width))
        }
    }
}

/// Source pixels that a pixel of the frame covers along one axis, with their shares.
struct Coverage {
    first: usize,
    shares: Vec<f32>,
}

/// Divides the source's range `[from, to]` among `count` pixels.
fn coverage([from, to]: [f64; 2], count: usize, side: usize) -> Vec<Coverage> {
    let edge = |i: usize| from + (to - from) * i as f64 / count as f64;
    let one = |i: usize| {
        let (start, end) = (edge(i), edge(i + 1));
        let first = (start as usize).min(side - 1);
        let last = (end.ceil() as usize).clamp(first + 1, side);
        let share = |k: usize| ((k + 1) as f64).min(end) - (k as f64).max(start);
        let shares = (first..last).map(|k| (share(k) / (end - start)).max(0.0) as f32).collect();
        Coverage { first, shares }
    };
    (0..count).map(one).collect()
}

fn area_means(
    picture: &DecodedPicture,
    x: [f64; 2],
    y: [f64; 2],
    (height, width): (usize, usize),
) -> Vec<u8> {
    let columns = coverage(x, width, picture.width);
    let rows = coverage(y, height, picture.height);
    let end = columns.last().map_or(0, |column| column.first + column.shares.len());
    let read: Range<usize> = columns.first().map_or(0, |column| column.first)..end;
    let mut line = vec![[0.0_f32; 3]; read.len()];
    let mut frame = Vec::with_capacity(height * width * 3);
    let mut sums = vec![[0.0_f32; 3]; width];
    for row in &rows {
        sums.fill([0.0; 3]);
        for (y, down) in (row.first..).zip(&row.shares) {
            picture.read(y, read.start, &mut line);
            for (sum, column) in sums.iter_mut().zip(&columns) {
                for (pixel, across) in line[column.first - read.start..].iter().zip(&column.shares)
                {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += value * across * down;
                    }
                }
            }
        }
        frame.extend(sums.iter().flatten().map(|sum| sum.round() as u8));
    }
    frame
}

/// Puts a picture in the centre of a frame of its mean border colour.
fn pad(small: &[u8], inner: (usize, usize), (height, width): (usize, usize)) -> Vec<u8> {
    let mut frame = border(small, inner).repeat(height * width);
    let (top, left) = ((height - inner.0) / 2, (width - inner.1) / 2);
    for (y, row) in small.chunks_exact(inner.1 * 3).enumerate() {
        let start = ((top + y) * width + left) * 3;
        frame[start..start + row.len()].copy_from_slice(row);
    }
    frame
}

/// Returns the mean colour of the outermost pixels.
fn border(rgb: &[u8], (height, width): (usize, usize)) -> [u8; 3] {
    let outer = |i: usize| {
        let (y, x) = (i / width, i % width);
        y == 0 || y + 1 == height || x == 0 || x + 1 == width
    };
    let pixels = rgb.as_chunks::<3>().0.iter().enumerate().filter(|(i, _)| outer(*i));
    let (mut sum, mut count) = ([0_usize; 3], 0);
    for (_, pixel) in pixels {
        sum = [0, 1, 2].map(|c| sum[c] + usize::from(pixel[c]));
        count += 1;
    }
    sum.map(|sum| ((sum + count / 2) / count.max(1)) as u8)
}

#[cfg(test)]
mod tests;
