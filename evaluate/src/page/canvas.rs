//! Frames side by side, as PNG and as animated PNG.
//!
//! Animated PNG plays in every browser without script or codec. It is lossless, so a blurred
//! reconstruction is shown as it is. A viewer without animation shows the first frame. Small frames
//! are enlarged by whole factors without interpolation; large ones are averaged over squares. Gaps
//! are transparent, for light and dark pages.

use anyhow::{Context, Result};
use png::{BitDepth, ColorType, Encoder};

/// Pixels between two frames.
pub const GAP: usize = 2;
/// Height of the mark above prompt frames, and height of the mark with its gap, in pixels.
const MARK_HEIGHT: usize = 3;
const HEAD: usize = 6;
/// Colour of the mark above prompt frames, RGBA.
const MARK: [u8; 4] = [240, 160, 30, 255];

/// Enlargement or reduction of frames to a readable size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zoom {
    /// Each pixel becomes a square with this side.
    In(usize),
    /// Each square with this side becomes one pixel.
    Out(usize),
}

impl Zoom {
    /// Returns the whole factor that brings `width` near `target`, to at most 1.5 times `target`.
    #[must_use]
    pub fn to_width(width: usize, target: usize) -> Zoom {
        if width * 2 <= target * 3 {
            Zoom::In((target / width).max(1))
        } else {
            Zoom::Out(width.div_ceil(target * 3 / 2))
        }
    }

    fn apply(self, size: usize) -> usize {
        match self {
            Zoom::In(factor) => size * factor,
            Zoom::Out(factor) => size / factor,
        }
    }

    /// Returns the colour of pixel (x, y) of the zoomed frame.
    fn pixel(self, frame: &[u8], width: usize, x: usize, y: usize) -> [u8; 3] {
        let at = |x: usize, y: usize, c: usize| frame[(y * width + x) * 3 + c];
        match self {
            Zoom::In(factor) => [0, 1, 2].map(|c| at(x / factor, y / factor, c)),
            Zoom::Out(factor) => [0, 1, 2].map(|c| {
                let square = (0..factor * factor)
                    .map(|i| usize::from(at(x * factor + i % factor, y * factor + i / factor, c)));
                u8::try_from(square.sum::<usize>() / (factor * factor)).unwrap_or(u8::MAX)
            }),
        }
    }
}

/// An RGBA picture, transparent at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    rgba: Vec<u8>,
}

/// Draws a grid of RGB frames `[height, width, 3]`; all `rows` have equal length.
///
/// The first `marked` columns get a mark above them.
pub fn grid(rows: &[Vec<&[u8]>], height: usize, width: usize, zoom: Zoom, marked: usize) -> Canvas {
    let (cell_width, cell_height) = (zoom.apply(width), zoom.apply(height));
    let columns = rows.first().map_or(0, Vec::len);
    let head = if marked > 0 { HEAD } else { 0 };
    let mut canvas = Canvas::transparent(
        (cell_width + GAP) * columns - GAP.min(cell_width * columns),
        head + (cell_height + GAP) * rows.len() - GAP.min(cell_height * rows.len()),
    );
    for column in 0..marked.min(columns) {
        canvas.fill(column * (cell_width + GAP), 0, cell_width, MARK_HEIGHT, MARK);
    }
    for (r, row) in rows.iter().enumerate() {
        for (c, frame) in row.iter().enumerate() {
            let (left, top) = (c * (cell_width + GAP), head + r * (cell_height + GAP));
            for y in 0..cell_height {
                for x in 0..cell_width {
                    let [red, green, blue] = zoom.pixel(frame, width, x, y);
                    canvas.set(left + x, top + y, [red, green, blue, 255]);
                }
            }
        }
    }
    canvas
}

impl Canvas {
    fn transparent(width: usize, height: usize) -> Canvas {
        Canvas { width, height, rgba: vec![0; width * height * 4] }
    }

    fn set(&mut self, x: usize, y: usize, colour: [u8; 4]) {
        let at = (y * self.width + x) * 4;
        self.rgba[at..at + 4].copy_from_slice(&colour);
    }

    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: [u8; 4]) {
        for y in top..top + height {
            for x in left..left + width {
                self.set(x, y, colour);
            }
        }
    }

    /// Encodes the picture as PNG.
    ///
    /// # Errors
    /// Fails if the picture is empty or larger than PNG allows.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut writer = self.encoder(&mut bytes)?.write_header().context("PNG header")?;
        writer.write_image_data(&self.rgba).context("PNG data")?;
        writer.finish().context("PNG end")?;
        Ok(bytes)
    }

    fn encoder<'a>(&self, bytes: &'a mut Vec<u8>) -> Result<Encoder<'static, &'a mut Vec<u8>>> {
        let side =
            |pixels: usize| u32::try_from(pixels).context("the picture is too large for PNG");
        let mut encoder = Encoder::new(bytes, side(self.width)?, side(self.height)?);
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        Ok(encoder)
    }
}

/// Encodes canvases of one size as an animated PNG that repeats and pauses on its last frame.
///
/// # Errors
/// Fails if there is no canvas, or if the PNG cannot be written.
pub fn animate(canvases: &[Canvas], fps: f64) -> Result<Vec<u8>> {
    let first = canvases.first().context("the animation has no frames")?;
    let delay = (1000.0 / fps.clamp(1.0, 100.0)).round() as u16;
    let mut bytes = Vec::new();
    let mut encoder = first.encoder(&mut bytes)?;
    encoder.set_animated(u32::try_from(canvases.len())?, 0).context("APNG header")?;
    encoder.set_frame_delay(delay, 1000).context("APNG delay")?;
    let mut writer = encoder.write_header().context("APNG header")?;
    for (index, canvas) in canvases.iter().enumerate() {
        if index > 0 && index + 1 == canvases.len() {
            writer.set_frame_delay(delay.saturating_mul(8), 1000).context("APNG delay")?;
        }
        writer.write_image_data(&canvas.rgba).context("APNG frame")?;
    }
    writer.finish().context("APNG end")?;
    Ok(bytes)
}

/// Returns the `data:` URI of a PNG.
#[must_use]
pub fn data_uri(png: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut uri = String::with_capacity(22 + png.len().div_ceil(3) * 4);
    uri.push_str("data:image/png;base64,");
    for chunk in png.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) as usize & 63;
            uri.push(if digit <= chunk.len() { char::from(DIGITS[index]) } else { '=' });
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: the padding is wrong, so every picture is broken if its length is not a multiple of
    /// 3 (test vectors of RFC 4648 §10).
    #[test]
    fn base64_has_its_test_vectors() {
        for (plain, coded) in
            [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(data_uri(plain.as_bytes()), format!("data:image/png;base64,{coded}"));
        }
    }

    /// Catches: small frames are not enlarged; large frames are not reduced.
    #[test]
    fn zoom_keeps_small_frames_large_and_large_frames_small() {
        assert_eq!(Zoom::to_width(32, 128), Zoom::In(4));
        assert_eq!(Zoom::to_width(160, 128), Zoom::In(1));
        assert_eq!(Zoom::to_width(160, 64), Zoom::Out(2));
    }

    /// Catches: the axes are swapped; pixels are interpolated.
    #[test]
    fn an_enlarged_pixel_is_a_square_in_its_place() {
        let frame = [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9, 8, 8, 8, 7, 7, 7];
        let canvas = grid(&[vec![&frame[..], &frame[..]]], 2, 3, Zoom::In(2), 0);
        assert_eq!((canvas.width, canvas.height), (6 + GAP + 6, 4));
        let at = |x: usize, y: usize| &canvas.rgba[(y * canvas.width + x) * 4..][..4];
        assert_eq!(at(1, 1), [255, 0, 0, 255]);
        assert_eq!(at(2, 1), [0, 255, 0, 255]);
        assert_eq!(at(1, 2), [9, 9, 9, 255]);
        assert_eq!(at(6, 0), [0, 0, 0, 0], "the gap is transparent");
        assert_eq!(at(6 + GAP, 0), [255, 0, 0, 255]);
    }

    /// Catches: the frame count is wrong, so browsers show a still picture.
    #[test]
    fn an_animation_reads_back_with_all_its_frames() {
        let shade = |value: u8| vec![value; 12];
        let frames: Vec<Vec<u8>> = (0..5).map(|i| shade(i * 50)).collect();
        let canvases: Vec<Canvas> =
            frames.iter().map(|f| grid(&[vec![f]], 2, 2, Zoom::In(1), 0)).collect();
        let bytes = animate(&canvases, 10.0).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 5);
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        for i in 0..5 {
            reader.next_frame(&mut buffer).unwrap();
            assert_eq!(buffer[..3], [i * 50, i * 50, i * 50]);
        }
    }
}
